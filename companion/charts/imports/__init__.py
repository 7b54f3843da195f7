"""Imports charts that other programs wrote."""
