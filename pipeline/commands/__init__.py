"""The verbs of the command line, one file each: ``add_arguments`` declares its options, ``execute`` does the work."""
