"""From words to matches and results: the watch language, the matcher and the search engines. It never fetches."""
