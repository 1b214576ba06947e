"""Per person, the last frames and the windows that are cut from them."""
