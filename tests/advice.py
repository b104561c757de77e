"""The doctor's advice, followed."""


def followed(lines, tries):
    """The command with what was advised: of a key or a group the later choice counts, and takes its own keys along."""
    named = lambda line: line.lstrip("+").partition("=")[0]  # noqa: E731
    keys = [named(one) for one in tries]
    groups = tuple(f"{key}." for key in keys if "." not in key)
    return [*(line for line in lines if named(line) not in keys and not named(line).startswith(groups)), *tries]
