"""The analyst's labels: posts drawn at random, a workbook that a person fills in, what came back, and who reads it.

sample.py draws, sheet.py is the workbook, store.py imports it into the table `labels`, agreement.py says how far people
agree, read.py joins labels with what the model says, overview.py tells what there is and export.py feeds training.
What labels say about figures is for statistics to tell.
"""

from jobs.labels.sample import LabelsError

__all__ = ["LabelsError"]
