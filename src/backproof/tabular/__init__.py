"""Networks trained on a table: from rows to a saved model, and what its test error is worth."""

from backproof.tabular.config import TableConfig, format_size
from backproof.tabular.document import summary
from backproof.tabular.experiment import train_on_table
from backproof.tabular.output import REPORT_FILE, check_folder, write_run
from backproof.tabular.record import TableRun
from backproof.tabular.saved import TrainedModel, load_model
from backproof.tabular.tables import errors_table

__all__ = [
    "REPORT_FILE",
    "TableConfig",
    "TableRun",
    "TrainedModel",
    "check_folder",
    "errors_table",
    "format_size",
    "load_model",
    "summary",
    "train_on_table",
    "write_run",
]
