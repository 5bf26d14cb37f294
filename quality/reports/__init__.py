"""Reports of the corpus: invented letters as files, born digital or scanned, with canaries hidden in them."""
