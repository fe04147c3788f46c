"""A clinic of mistakes: those that were published, how to see them, and `examine` for a layer of your own."""

from utils.clinic.cases import CASES, Case, find_case
from utils.clinic.examination import ReportCard, examine
from utils.clinic.patients import patients

__all__ = ["CASES", "Case", "ReportCard", "examine", "find_case", "patients"]
