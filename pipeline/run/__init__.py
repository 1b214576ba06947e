"""Joins the rooms: threads, policies, counts."""
