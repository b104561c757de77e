"""Where pictures look."""

from plot_domains import DOMAINS

from pinn.geometry import Box
from pinn.plots import views


def test_views_look_where_they_say():
    (plane,) = views(DOMAINS["time-space"])
    assert plane.labels == ("t", "x") and plane.caption == ""  # time to the right, whatever the order
    assert plane.points[0].tolist() == [-1.0, 0.0] and plane.points[1, 1] == 0  # columns stay in the domain's order
    (middle,) = views(DOMAINS["space"])
    assert middle.caption == "z = 1" and (middle.points[:, 2] == 1).all()
    times = views(DOMAINS["time-plane"])
    assert [view.caption for view in times] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    assert [view.points[0, 0].item() for view in times] == [0.0, 1.0, 2.0, 3.0]
    for view in times:
        low, high = view.points.min(0).values, view.points.max(0).values
        assert low[1:].tolist() == [0, 0] and high[1:].tolist() == [1, 1]


class Swept(Box):
    """A box whose `nu` is a parameter."""

    @property
    def spatial(self):
        return tuple(i for i in super().spatial if self.names[i] != "nu")


def test_views_of_families_of_problems():
    (plane,) = views(Swept({"nu": (1, 9), "x": (0, 1)}))
    assert plane.labels == ("x", "nu") and not plane.to_scale
    values = views(Swept({"x": (0, 1), "nu": (1, 9), "t": (0, 2)}), (0.0, 0.5, 1.0))
    assert [view.labels for view in values] == [("t", "x")] * 3
    assert [view.caption for view in values] == ["nu = 1", "nu = 5", "nu = 9"]
    planes = views(Swept({"x": (0, 1), "y": (0, 1), "nu": (1, 9)}))
    assert [view.labels for view in planes] == [("x", "y")] * 4 and planes[0].to_scale
    moving = views(Swept({"t": (0, 3), "x": (0, 1), "y": (0, 1), "nu": (1, 9)}))
    assert [view.caption for view in moving] == [f"t = {t}, nu = 5" for t in range(4)]


def test_what_is_held_is_named_shortly():
    (view,) = views(Box(dict.fromkeys("abcefg", (0, 1))))
    assert view.caption == "c = ... = g = 0.5"
    (view,) = views(Box({"x": (0, 1), "y": (0, 1), "z": (0, 1), "v": (0, 1), "w": (0, 4)}))
    assert view.caption == "z = v = 0.5, w = 2"
