"""Messages are formed from the models alone: here a plain group, a union, and a list of unions."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pinn.messages import explain, keys


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Strict):
    name: Literal["cat"]
    lives: int


class Dog(Strict):
    name: Literal["dog"]
    bark: float


Animal = Annotated[Cat | Dog, Field(discriminator="name")]


class House(Strict):
    rooms: int


class Farm(Strict):
    house: House
    pet: Animal
    herd: list[Animal]


UNIONS = {place: {"cat": Cat, "dog": Dog} for place in ("pet", "herd")}
GOOD = {"house": {"rooms": 3}, "pet": {"name": "cat", "lives": 9}, "herd": [{"name": "dog", "bark": 1.0}]}
WRONG = {
    "key": ({"pet": {"name": "cat", "lifes": 9}}, "pet.lifes=9: there is no key 'lifes'. Did you mean 'lives'?"),
    "choice": ({"pet": {"name": "cta"}}, "pet.name=cta: no such choice. Did you mean 'cat'?"),
    "no name": ({"pet": {"lives": 9}}, "pet.name=None: no such choice. There are: cat, dog."),
    "no keys": ({"pet": "cat"}, "pet=cat: should be keys with a name: {name: cat, ...} | {name: dog, ...}."),
    "type": ({"pet": {"name": "dog", "bark": "loud"}}, "pet.bark=loud: should be a valid number"),
    "missing": ({"pet": {"name": "cat"}}, "pet.lives: this key is missing."),
    "in a list": ({"herd": [{"name": "cat", "lives": 9}, {"name": "dgo"}]}, "herd.1.name=dgo: no such choice."),
    "key in a list": ({"herd": [{"name": "dog", "brak": 1.0}]}, "herd.0.brak=1.0: there is no key 'brak'."),
    "plain group": ({"house": {"roms": 3}}, "house.roms=3: there is no key 'roms'. Did you mean 'rooms'?"),
    "group": ({"huose": {"rooms": 3}}, "there is no key 'huose'. Did you mean 'house'?"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_line_says_what_is_wrong(name):
    changed, line = WRONG[name]
    composed = GOOD | changed
    with pytest.raises(ValidationError) as found:
        Farm.model_validate(composed)
    message = explain(found.value, composed, Farm, UNIONS)
    assert message.count("\n") == 0 and line in message


def test_every_mistake_has_its_line():
    composed = GOOD | {"house": {"rooms": "many"}, "pet": {"name": "cta"}}
    with pytest.raises(ValidationError) as found:
        Farm.model_validate(composed)
    assert explain(found.value, composed, Farm, UNIONS).startswith("2 things are wrong:\n  house.rooms=many")


def test_keys_are_those_of_every_choice():
    known = keys(Farm, UNIONS)
    assert {"house.rooms", "pet.lives", "pet.bark", "herd.bark", "pet"} <= set(known)
    assert "house.lives" not in known
