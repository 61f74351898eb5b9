"""Predictions in tables of any size: counted where they lie, certified from the counts."""
