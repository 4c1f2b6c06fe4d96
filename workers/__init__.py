"""From a Page to a delivered alert: extraction, stories, planning, notifiers and the pipeline that calls them."""
