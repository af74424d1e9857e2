"""Static files of a deployment: hashed names, also inside our own browser modules."""

from __future__ import annotations

from django.contrib.staticfiles.storage import ManifestFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Rewrites the imports of ``static/js`` to hashed names.

    Without it a page would load ``live.<hash>.js`` and another module ``live.js``: two copies, two sockets. Django's
    own switch (``support_js_module_import_aggregation``) reads the scripts of packages too and stumbles over one.
    """

    patterns = (
        *ManifestFilesMixin.patterns,
        ("js/*.js", ManifestFilesMixin._js_module_import_aggregation_patterns[1]),  # type: ignore[attr-defined]
    )
