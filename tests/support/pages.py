#!/usr/bin/env python3
"""Reads pages and pictures with the standard library alone, and prints what they hold as JSON: `svg FILE`, `html FILE`."""

import html.parser
import json
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "br", "hr", "img", "link", "input"}


def leading(text):
    """The number that a title of a cell begins with."""
    return int(text.split()[0].replace(",", ""))


def read_svg(path):
    root = ElementTree.parse(path).getroot()
    assert root.tag == SVG + "svg", root.tag
    charts = []
    for group in root.iter(SVG + "g"):
        if group.get("class") != "chart":
            continue
        cells = [rect.find(SVG + "title").text for rect in group.iter(SVG + "rect") if rect.find(SVG + "title") is not None]
        gaps = [g.find(SVG + "title").text for g in group.iter(SVG + "g") if g.get("class") == "gap"]
        charts.append({"says": group.find(SVG + "desc").text, "sum": sum(map(leading, cells)), "cells": len(cells), "gaps": gaps})
    names = {element.tag.removeprefix(SVG) for element in root.iter()}
    return {"charts": charts, "elements": sorted(names), "text": " ".join(root.itertext())}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.errors, self.elements, self.links = [], [], set(), []
        self.tables, self.charts, self.text, self.heading = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.add(tag)
        self.links += [attributes[name] for name in ("src", "href", "data", "srcset", "action") if name in attributes]
        self.errors += [f"{tag} {name}" for name in attributes if name.startswith("on") or name == "style"]
        if tag == "svg":
            self.charts.append({"says": attributes.get("aria-label"), "sum": 0})
        if tag == "table":
            self.tables.append({"caption": "", "rows": []})
        if tag == "tr":
            self.tables[-1]["rows"].append([])
        if tag in ("td", "th"):
            self.tables[-1]["rows"][-1].append("")
        if tag not in VOID:
            self.stack.append((tag, attributes))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack[-1][0] != tag:
            self.errors.append(f"</{tag}> in {[name for name, _ in self.stack]}")
        else:
            self.stack.pop()

    def handle_data(self, data):
        tags = [tag for tag, _ in self.stack]
        if "style" not in tags:
            self.text.append(data)
        if tags[-2:] == ["rect", "title"]:
            self.charts[-1]["sum"] += leading(data)
        elif tags and tags[-1] == "caption":
            self.tables[-1]["caption"] += data
        elif tags and tags[-1] in ("td", "th"):
            self.tables[-1]["rows"][-1][-1] += data


def read_html(path):
    page = Page()
    with open(path, encoding="utf-8") as file:
        page.feed(file.read())
    page.close()
    page.errors += [f"<{tag}> is open" for tag, _ in page.stack]
    return {
        "errors": page.errors,
        "elements": sorted(page.elements),
        "links": page.links,
        "tables": page.tables,
        "charts": page.charts,
        "text": "".join(page.text),
    }


print(json.dumps({"svg": read_svg, "html": read_html}[sys.argv[1]](sys.argv[2])))
