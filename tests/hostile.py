"""Texts as strangers may write them, with all that could end a string, a cell or an element."""

from hypothesis import strategies as st

HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("<>&\"'=+-@\t\r\n\u2028\u2029{}%/")), max_size=400)
