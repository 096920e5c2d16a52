"""The work of Sentinela, one module or folder a step: ingest, validate, score, aggregate, report.

Steps never import each other; they meet at the datasets in the lake.
"""
