#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Records as the unit test's writer makes them, against the published OCSF 1.7.0 schema (tests/fixtures/ocsf):
required attributes present, nothing unknown outside unmapped, types and enumerations valid. And the check itself is
checked: each kind of wrong record must be refused."""
import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(os.environ.get("SEKISHO_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("SEKISHO_BUILD", SOURCE / "build/dev"))
SCHEMA = SOURCE / "tests/fixtures/ocsf"


def load(path):
    return json.loads((SCHEMA / path).read_text())


DICTIONARY = load("dictionary.json")
CATEGORIES = load("categories.json")["attributes"]
PROFILE_NAMES = {p.stem for p in (SCHEMA / "profiles").glob("*.json")}
CLASSES = {}
for file in sorted((SCHEMA / "events").rglob("*.json")):
    CLASSES[json.loads(file.read_text())["name"]] = json.loads(file.read_text())


def merge(into, attributes):
    for key, value in attributes.items():
        if key != "$include":
            old = into.get(key, {})
            into[key] = {**old, **value}
            if "enum" in old and "enum" in value:
                into[key]["enum"] = {**old["enum"], **value["enum"]}


def attributes_of(definition, parents, profiles):
    """Own and inherited attributes, and those of the profiles that the record names."""
    result = {}
    if definition.get("extends"):
        merge(result, attributes_of(parents(definition["extends"]), parents, profiles))
    for include in definition["attributes"].get("$include", []):
        profile = load(include)
        if profile["name"] in profiles:
            merge(result, {k: dict(v, profile=profile["name"]) for k, v in profile["attributes"].items()})
    merge(result, definition["attributes"])
    return result


def object_definition(name):
    return load(f"objects/{name}.json")


PYTHON_TYPES = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": float}


class Checker:
    def __init__(self, profiles):
        self.profiles = profiles
        self.problems = []

    def say(self, path, text):
        self.problems.append(f"{path}: {text}")

    def scalar(self, path, value, type_name):
        type_info = DICTIONARY["types"]["attributes"][type_name]
        wanted = PYTHON_TYPES.get(type_info.get("type", type_name))
        if wanted is None:
            return
        if type(value) is not wanted:
            self.say(path, f"is {type(value).__name__}, not {type_name}")
            return
        if "regex" in type_info and not re.search(type_info["regex"], value):
            self.say(path, f"{value!r} is not a {type_name}")
        if "max_len" in type_info and len(value) > type_info["max_len"]:
            self.say(path, "too long")
        bits = {"integer_t": 31, "long_t": 63}.get(type_info.get("type", type_name))
        if bits and not -(2 ** bits) <= value < 2 ** bits:
            self.say(path, "out of range")

    def value(self, path, value, attribute, entry):
        type_name = attribute.get("type", entry["type"])
        if entry.get("is_array") or attribute.get("is_array"):
            if type(value) is not list:
                self.say(path, "is not an array")
                return
            for i, item in enumerate(value):
                self.value(f"{path}[{i}]", item, {**attribute, "is_array": False}, {**entry, "is_array": False})
            return
        enum = {**entry.get("enum", {}), **attribute.get("enum", {})}
        if enum and str(value) not in enum:
            self.say(path, f"{value!r} is not one of {sorted(enum)}")
        if type_name in DICTIONARY["types"]["attributes"]:
            self.scalar(path, value, type_name)
        elif type_name != "object":  # "object" is free: unmapped
            self.object(path, value, attributes_of(object_definition(type_name), object_definition, self.profiles),
                        object_definition(type_name))

    @staticmethod
    def parent(definition):
        name = definition["extends"]
        return CLASSES[name] if name in CLASSES else object_definition(name)

    def object(self, path, value, attributes, definition):
        if type(value) is not dict:
            self.say(path, "is not an object")
            return
        for name, attribute in attributes.items():
            if attribute.get("requirement") == "required" and name not in value:
                self.say(path, f"{name} is required")
        while definition and "constraints" not in definition and definition.get("extends"):
            definition = self.parent(definition)
        wanted = definition.get("constraints", {}).get("at_least_one")
        if wanted and not any(name in value for name in wanted):
            self.say(path, f"has none of {wanted}")
        for name, item in value.items():
            if name not in attributes:
                self.say(path, f"{name} is unknown")
                continue
            if "@deprecated" in attributes[name]:
                self.say(path, f"{name} is deprecated")
            entry = DICTIONARY["attributes"][name]
            self.value(f"{path}.{name}", item, attributes[name], entry)
            self.sibling(path, value, name, item, attributes, entry)

    def sibling(self, path, value, name, item, attributes, entry):
        """X beside X_id says the caption of its value, unless it is 99 (Other)."""
        sibling = attributes[name].get("sibling", entry.get("sibling"))
        enum = {**entry.get("enum", {}), **attributes[name].get("enum", {})}
        if sibling in value and enum and item != 99 and str(item) in enum and value[sibling] != enum[str(item)]["caption"]:
            self.say(path, f"{sibling} is {value[sibling]!r}, not {enum[str(item)]['caption']!r}")


def class_of(event):
    if event.get("class_uid") == 0:  # the base event has no category of the list
        return CLASSES["base_event"], 0
    for definition in CLASSES.values():
        category = CATEGORIES.get(definition.get("category") or category_of(definition))
        if "uid" in definition and category and category["uid"] * 1000 + definition["uid"] == event.get("class_uid"):
            return definition, category["uid"]
    return None, None


def category_of(definition):
    while "category" not in definition:
        definition = CLASSES[definition["extends"]]
    return definition["category"]


def check(event):
    profiles = event.get("metadata", {}).get("profiles", [])
    checker = Checker(profiles)
    for profile in profiles:
        if profile not in PROFILE_NAMES:
            checker.say("metadata.profiles", f"{profile} is unknown")
    definition, category = class_of(event)
    if definition is None:
        return [f"class {event.get('class_uid')} is unknown"]
    attributes = attributes_of(definition, CLASSES.get, profiles)
    # Their enumerations are derived from the class, not written in the files.
    for name, value in (("class_uid", event["class_uid"]), ("category_uid", category)):
        attributes[name] = {**attributes[name], "enum": {str(value): {"caption": ""}}}
    checker.object("", event, attributes, definition)
    if event.get("type_uid") != event["class_uid"] * 100 + event.get("activity_id", -1):
        checker.say("type_uid", "is not class_uid * 100 + activity_id")
    if event.get("metadata", {}).get("version") != load("version.json")["version"]:
        checker.say("metadata.version", "is another schema's")
    return checker.problems


def spoil(path, value=None):
    """An edit: sets the member at path, or removes it."""
    def edit(event):
        *way, last = path
        for key in way:
            event = event[key]
        if value is None:
            del event[last]
        else:
            event[last] = value
    return edit


SPOILED = [  # of a device record; each must be refused
    ("class unknown", spoil(["class_uid"], 1099)),
    ("category wrong", spoil(["category_uid"], 3)),
    ("activity unknown", spoil(["activity_id"], 9)),
    ("type wrong", spoil(["type_uid"], 101099)),
    ("no time", spoil(["time"])),
    ("time is text", spoil(["time"], "now")),
    ("no severity", spoil(["severity_id"])),
    ("severity unknown", spoil(["severity_id"], 42)),
    ("no metadata", spoil(["metadata"])),
    ("no product", spoil(["metadata", "product"])),
    ("product without a name", spoil(["metadata", "product"], {"version": "1"})),
    ("no peripheral device", spoil(["peripheral_device"])),
    ("peripheral device without a name", spoil(["peripheral_device", "name"])),
    ("peripheral type unknown", spoil(["peripheral_device", "type_id"], 8)),
    ("caption does not fit", spoil(["peripheral_device", "type"], "Keyboard")),
    ("vendor list is no list", spoil(["peripheral_device", "vendor_id_list"], "0781")),
    ("attribute unknown", spoil(["colour"], "red")),
    ("attribute of an object unknown", spoil(["device", "colour"], "red")),
    ("no device", spoil(["device"])),
    ("no actor", spoil(["actor"])),
    ("actor is nobody", spoil(["actor"], {})),
    ("profile not named", spoil(["metadata", "profiles"], ["host"])),
    ("a boolean that is a number", spoil(["is_alert"], 1)),
    ("a number that is a boolean", spoil(["status_id"], True)),
    ("another schema's version", spoil(["metadata", "version"], "1.6.0")),
]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "record.jsonl"
        for program in ("test_ocsf", "test_ocsf_kinds"):
            subprocess.run([BUILD / "agent/audit" / program], env={**os.environ, "SEKISHO_OCSF_OUT": str(out)}, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        events = [json.loads(line) for line in out.read_text().splitlines()]

    for event in events:
        for problem in check(event):
            print("FAIL", event.get("class_uid"), event["metadata"]["event_code"], problem)
            failed += 1

    device = next(e for e in events if e["class_uid"] == 1010 and "action_id" in e)
    for name, edit in SPOILED:
        spoiled = copy.deepcopy(device)
        edit(spoiled)
        if not check(spoiled):
            print("FAIL", name, "was not refused")
            failed += 1

    seen = {e["class_uid"] for e in events}
    kinds = set(re.findall(r'^ *\[KIND_\w+\] = \{ "([a-z-]+)"', (SOURCE / "agent/audit/kinds.c").read_text(), re.M))
    for kind in sorted(kinds - {e["metadata"]["event_code"] for e in events}):
        print("FAIL no record of the kind", kind, "was checked")
        failed += 1
    print(f"{len(events)} records of {len(seen)} classes checked, {len(SPOILED)} spoiled ones tried, {failed} problems")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
