"""The last frames of each person, and the windows cut from them."""
