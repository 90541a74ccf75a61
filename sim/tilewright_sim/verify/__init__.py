"""The regression on one configuration: generate, compile, run the benches, report; and random ones without end.

A campaign (`campaign`) draws configurations (`drawing`), runs random descriptors on each (`random_jobs`), and looks for
the smallest that fails (`explain`).
"""

from .bit_flips import told_flips
from .campaign import FLIPS, PRODUCTS, CampaignTask, Journal, Kind, campaign_digest, check
from .explain import explained
from .pages import junit, page
from .plan import matching
from .regression import run_bench
from .report import Report, VerifiedTest
from .rtl_coverage import KINDS, coverage_json, covered, totals
from .run import Settings, verify

__all__ = [
    "FLIPS",
    "KINDS",
    "PRODUCTS",
    "CampaignTask",
    "Journal",
    "Kind",
    "Report",
    "Settings",
    "VerifiedTest",
    "campaign_digest",
    "check",
    "coverage_json",
    "covered",
    "explained",
    "junit",
    "matching",
    "page",
    "run_bench",
    "told_flips",
    "totals",
    "verify",
]
