"""Junk: valid texts and mappings of which a part is dropped, doubled, replaced or put in."""

from hypothesis import strategies as st


@st.composite
def texts(draw, valid, words):
    """One of the texts with characters dropped, doubled, swapped or put in."""
    text = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 4))):
        i, j = sorted(draw(st.tuples(*[st.integers(0, max(0, len(text) - 1))] * 2)))
        how = draw(st.sampled_from(["drop", "double", "swap", "insert"]))
        if how == "swap" and i < j:
            text = text[:i] + text[j] + text[i + 1 : j] + text[i] + text[j + 1 :]
        else:
            middle = {"drop": "", "double": text[i : i + 1] * 2, "insert": draw(st.sampled_from(words))}.get(how, "")
            text = text[:i] + middle + text[i + 1 :]
    return text


@st.composite
def mappings(draw, valid, keys, values):
    """One of the mappings in which some part, at some depth, is replaced, left out or added."""

    def changed(part):
        if isinstance(part, dict) and part and draw(st.integers(0, 5)):
            key = draw(st.sampled_from(list(part)))
            return {**part, key: changed(part[key])}
        if isinstance(part, list) and part and draw(st.booleans()):
            i = draw(st.integers(0, len(part) - 1))
            return [*part[:i], changed(part[i]), *part[i + 1 :]]
        how = draw(st.sampled_from(["replace", "drop", "add"]))
        if isinstance(part, dict) and part and how == "drop":
            gone = draw(st.sampled_from(list(part)))
            return {key: value for key, value in part.items() if key != gone}
        if isinstance(part, dict) and how == "add":
            return {**part, draw(keys): draw(values)}
        return draw(values)

    mapping = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 2))):
        mapping = changed(mapping)
    return mapping
