"""Alerts: a person is told once of each cause, when it appears and when it is over.

causes.py says what is wrong by what the lake holds, backups.py by the marks of the daily jobs beside Airflow, runs.py
what Airflow calls back; alerts.py tells of what is new and of what is over, channels.py sends it. Mending, and what
makes a run red, do not belong here.
"""
