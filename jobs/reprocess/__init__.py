"""Reprocess: stored days are carried through chosen steps once more, a chunk of days at a time.

request.py says what is asked for, carry.py does it, preview.py tries it beside the lake (trying.py) and tells what it
would do (effect.py, periods.py), page.py shows that. A range that was broken off goes on where it was when it is asked
for again: what is made from the present inputs, rules and model is up to date, and the lake is the only state there is.
"""
