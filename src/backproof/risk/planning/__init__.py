"""The arithmetic behind `backproof.risk.plan`, a module a kind of promise.

Legend: m examples, ε the margin, δ = 1 - confidence the miss.
"""
