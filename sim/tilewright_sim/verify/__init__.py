"""The regression on one configuration: generate, compile, run the benches, report; and random ones without end.

A campaign (`campaign`) draws configurations (`drawing`), runs random descriptors on each (`random_jobs`), and looks for
the smallest that fails (`explain`).
"""

from .campaign import PRODUCTS, CampaignTask, Journal, campaign_digest, check
from .explain import explained
from .pages import junit, page
from .plan import matching
from .regression import run_bench
from .report import Report, VerifiedTest
from .rtl_coverage import KINDS, coverage_json, covered, totals
from .run import Settings, verify

__all__ = [
    "KINDS",
    "PRODUCTS",
    "CampaignTask",
    "Journal",
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
    "totals",
    "verify",
]
