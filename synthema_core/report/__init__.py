"""From an `Audit` to what people read: one self-contained HTML page, or JSON.

`summary` says what was found, `key_figures` what to quote, `sections` what each part of the page
shows. `plots` draws; `pooling` keeps single patients out of the pictures; `ink` turns a figure into
inline SVG. `html` and `document` write.
"""

from .document import write_json as write_json
from .html import write_html as write_html
