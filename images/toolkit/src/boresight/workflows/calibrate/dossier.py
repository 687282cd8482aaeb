"""The dossier: one HTML file that holds everything, made from its JSON twin and evidence alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from boresight.workflows.calibrate import dossier_figures as figures
from boresight.workflows.calibrate import dossier_page as page
from boresight.workflows.calibrate.dossier_figures import Evidence

SCHEMA: Final = "boresight-calibration-dossier/1"
HTML: Final = "dossier.html"
RECORD: Final = "dossier.json"
EVIDENCE: Final = "evidence.npz"


def render(record: Mapping[str, Any], evidence: Evidence) -> str:
    """The dossier as one HTML file without any outside reference.

    Parameters
    ----------
    record : mapping
        The JSON twin.
    evidence : mapping of str to ndarray
        Arrays behind the pictures.
    """
    numbers, campaign = record["numbers"], record["campaign"]
    missed = [finding for finding in record["findings"] if not finding["met"]]
    names = list(numbers["satellites"])
    body = [
        f"<h1>Calibration dossier: {page.text(' and '.join(names))}</h1>",
        f'<p class="lead">Run <code>{page.text(record["run"])}</code>, made '
        f"{page.text(_when(record))}, from acquisitions of "
        f"{page.text(campaign['acquired_at'][:10])}"
        f"{' (simulated, so that the truth is known)' if campaign.get('simulation') else ''}.</p>",
        '<nav aria-label="Contents"><a href="#verdict">Verdict</a><a href="#surface">Surface model'
        '</a><a href="#geometry">Geometry</a><a href="#detector">Detector</a><a href="#provenance">'
        "Provenance</a></nav>",
        _banner(len(record["findings"]), missed),
        _cards(numbers),
        _verdict(record),
        _surface(numbers["surface"], evidence),
        _geometry(record, evidence),
        _detector(record, evidence),
        _provenance(record),
    ]
    title = f"Calibration dossier {record['run']}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{page.text(title)}</title>\n<style>{page.STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _banner(total: int, missed: list[Mapping[str, Any]]) -> str:
    if not missed:
        return f'<p class="verdict met">All {total} requirements are met.</p>'
    names = ", ".join(finding["requirement"]["id"] for finding in missed)
    return (
        f'<p class="verdict missed">{len(missed)} of {total} requirements are not met: '
        f"{page.text(names)}.</p>"
    )


def _cards(numbers: Mapping[str, Any]) -> str:
    surface = numbers["surface"]
    before, after = surface["before"], surface["after"]
    there = [surface[w]["banding"]["amplitude_there_m"] for w in ("before", "after")]
    cards = [
        (
            f"{before['median_m']:+.2f} → {after['median_m']:+.3f} m".replace("-", "\u2212"),
            "median error of height, before → after",
        ),
        (
            f"{there[0]:.2f} → {there[1]:.3f} m",
            f"amplitude of the vibration's bands (÷ {page.number(surface['banding_ratio'], 3)})",
        ),
        (f"{before['nmad_m']:.2f} → {after['nmad_m']:.2f} m", "NMAD of height errors"),
    ]
    known = [one["truth"] for one in numbers["satellites"].values() if "truth" in one]
    if known:
        worst = max(one["viewing_error_90_px"] for one in known)
        cards.append((f"{worst:.3f} px", "viewing directions: error at 90 %, worst satellite"))
    inner = "".join(f'<div class="card"><b>{a}</b><span>{b}</span></div>' for a, b in cards)
    return f'<div class="cards">{inner}</div>'


def _verdict(record: Mapping[str, Any]) -> str:
    rows = []
    for finding in record["findings"]:
        rule = finding["requirement"]
        bound = (
            f"≤ {page.number(rule['maximum'])}"
            if rule["maximum"] is not None
            else f"≥ {page.number(rule['minimum'])}"
        )
        met = (
            '<span class="yes">✓ met</span>'
            if finding["met"]
            else '<span class="no">✗ missed</span>'
        )
        rows.append(
            (
                page.text(rule["what"]),
                page.number(finding["seen"]),
                bound,
                page.text(rule["unit"] if rule["unit"] != "1" else ""),
                met,
                page.text(rule["source"]),
            )
        )
    table = page.table(
        ("requirement", "found", "rule", "unit", "verdict", "asked for by"), rows, numeric={1, 2}
    )
    return (
        '<h2 id="verdict">Verdict against the specification</h2>'
        '<p class="note">Absolute values; of '
        f"several satellites the worst counts.</p>{table}"
    )


def _surface(surface: Mapping[str, Any], evidence: Evidence) -> str:
    lines = [
        ("median error", "median_m", "m"),
        ("mean error", "bias_mean_m", "m"),
        ("NMAD", "nmad_m", "m"),
        ("RMSE", "rmse_m", "m"),
        ("LE90 (empirical, bias included)", "le90_m", "m"),
        ("LE90 about the median", "le90_centred_m", "m"),
        ("completeness", "completeness", ""),
        ("pixels compared", "n", ""),
    ]
    rows = [
        (name, *(page.number(surface[which][key], 4) for which in ("before", "after")), unit)
        for name, key, unit in lines
    ]
    for name, key, unit in (
        ("bands at the vibration's frequency: amplitude", "amplitude_there_m", "m"),
        ("strongest wave of any frequency: amplitude", "amplitude_m", "m"),
        ("strongest wave: frequency of the line of sight", "frequency_hz", "Hz"),
    ):
        found = (page.number(surface[w]["banding"][key], 3) for w in ("before", "after"))
        rows.append((name, *found, unit))
    causes = tuple(page.text(surface[w]["banding"]["cause"]) for w in ("before", "after"))
    rows.append(("strongest wave points to", *causes, ""))
    table = page.table(("", "before", "after", "unit"), rows, numeric={1, 2})
    return (
        '<h2 id="surface">Surface model: before and after</h2>'
        "<p>The same raw pair, made into images "
        "once by the factory's parameter sets and once by the calibrated ones, matched by the same "
        "stereo workflow, and compared with the reference surface at its own pixels.</p>"
        + table
        + page.image(
            figures.surfaces(evidence, surface),
            "Errors of height less their median, on one scale. Grey: no height.",
            "Maps of height errors before and after calibration",
        )
        + page.image(
            figures.bands(evidence, surface),
            "Error averaged along image rows: the vibration of a rolling shutter shows as waves.",
            "Profile across the bands and its spectrum, before and after",
        )
        + page.image(
            figures.histograms(evidence),
            "Distribution of the errors.",
            "Histograms of height errors before and after",
        )
        + _slopes(surface)
    )


def _slopes(surface: Mapping[str, Any]) -> str:
    classes = surface["after"].get("by_slope") or {}
    rows = []
    for name, after in classes.items():
        before = (surface["before"].get("by_slope") or {}).get(name)
        rows.append(
            (
                f"{name.replace('-', ' to ')}°",
                page.number(after["n"]),
                page.number(before["nmad_m"] if before else None, 3),
                page.number(after["nmad_m"], 3),
                page.number(after["median_m"], 3),
            )
        )
    heads = ("slope", "pixels", "NMAD before [m]", "NMAD after [m]", "median after [m]")
    return "<h3>By slope of the ground</h3>" + page.table(heads, rows, numeric={1, 2, 3, 4})


def _geometry(record: Mapping[str, Any], evidence: Evidence) -> str:
    numbers, campaign = record["numbers"], record["campaign"]
    parts = [
        '<h2 id="geometry">Geometry</h2><p>Viewing directions, boresight and vibration of each '
        "satellite, from three images of a calibration site: straight, turned by 90 degrees, and "
        "turned and aimed aside. Images are matched with one another and with an ortho image; all "
        "unknowns are solved for together.</p>"
    ]
    for satellite in (campaign["left"], campaign["right"]):
        name = satellite["platform"]
        found = numbers["satellites"][name]
        told = dict(found["geometry"]["jitter"])
        told["amplitude_col_px"] = told["amplitude_col_rad"] * satellite["focal_px"]
        parts.append(f"<h3>{page.text(name)}</h3>")
        parts.append(_geometry_table(found, satellite["focal_px"]))
        shape = (satellite["shape"][0], satellite["shape"][1])
        parts.append(
            page.image(
                figures.focal_plane(evidence, name, shape),
                "Left: where pixels look, less where they would by design, mean shift and turn "
                "taken out. Right: what the calibration leaves of it. Mind the two scales.",
                f"Focal plane of {name}",
            )
        )
        parts.append(
            page.image(
                figures.vibration(evidence, name, told, satellite["line_time_s"]),
                "Rolling-shutter vibration: least-squares spectrum of the rows' displacements, and "
                "the wave on them.",
                f"Vibration of {name}",
            )
        )
    return "".join(parts)


def _geometry_table(found: Mapping[str, Any], focal_px: float) -> str:
    geometry, jitter, truth = found["geometry"], found["geometry"]["jitter"], found.get("truth")
    injected = truth["injected_boresight_urad"] if truth else (None, None, None)
    angles, u = geometry["boresight_rad"], geometry["u_boresight_rad"]
    # shifts along columns and rows are turns about rows and columns
    rows = [
        ("boresight along columns", angles[1] * 1e6, u[1] * 1e6, injected[0], "µrad"),
        ("boresight along rows", -angles[0] * 1e6, u[0] * 1e6, injected[1], "µrad"),
        ("boresight about the line of sight", angles[2] * 1e6, u[2] * 1e6, injected[2], "µrad"),
        (
            "vibration: frequency",
            jitter["frequency_hz"],
            jitter["u_frequency_hz"],
            truth["injected_jitter_hz"] if truth else None,
            "Hz",
        ),
        (
            "vibration: amplitude along columns",
            jitter["amplitude_col_rad"] * 1e6,
            jitter["u_amplitude_col_rad"] * 1e6,
            truth["injected_jitter_urad"] if truth else None,
            "µrad",
        ),
        (
            "vibration: amplitude along rows",
            jitter["amplitude_row_rad"] * 1e6,
            jitter["u_amplitude_row_rad"] * 1e6,
            0.6 * truth["injected_jitter_urad"] if truth else None,
            "µrad",
        ),
    ]
    table = page.table(
        ("parameter", "found", "u (k = 1)", "injected", "unit"),
        [(a, page.number(b, 5), page.number(c, 2), page.number(d, 5), e) for a, b, c, d, e in rows],
        numeric={1, 2, 3},
    )
    facts = [
        f"{geometry['windows']:,} windows, {geometry['outliers']:,} of them outliers",
        "residual "
        f"{geometry['residual_px'][0]:.3f} px in rows and {geometry['residual_px'][1]:.3f} px in "
        "columns",
        "crossed images alone, without the reference, give the same field to "
        f"{geometry['without_reference_difference_px']:.3f} px at 90 % (scale apart)",
    ]
    if truth:
        facts.append(
            f"viewing directions off by {truth['viewing_error_90_px']:.3f} px at 90 % (stated: "
            f"{truth['viewing_u_90_px']:.3f} px, injected: "
            f"{truth['injected_distortion_90_px']:.2f} px), mean line of sight by "
            f"{truth['boresight_error_urad']:.3f} µrad "
            f"({truth['boresight_error_urad'] * 1e-6 * focal_px:.3f} px)"
        )
        facts.append(
            "injected boresight: attitude and the mean of the distortion, which nothing tells apart"
        )
    return table + f'<p class="note">{page.text("; ".join(facts))}.</p>'


def _detector(record: Mapping[str, Any], evidence: Evidence) -> str:
    numbers, campaign = record["numbers"], record["campaign"]
    rows = []
    for name, one in numbers["satellites"].items():
        found, truth = one["detector"], one.get("truth") or {}
        rows += [
            (
                page.text(name),
                "dark level",
                page.number(found["dark_level_dn"]["value"], 5),
                page.number(found["dark_level_dn"]["u"], 2),
                "",
                "DN",
            ),
            (
                "",
                "dark of a pixel",
                "",
                page.number(found["u_dark_pixel_dn"], 2),
                page.number(truth["dark_error_rms_dn"], 2) if truth else "",
                "DN",
            ),
            (
                "",
                "DSNU (rms)",
                page.number(found["dsnu_rms_dn"]["value"], 4),
                page.number(found["dsnu_rms_dn"]["u"], 2),
                "",
                "DN",
            ),
            (
                "",
                "PRNU (rms)",
                page.number(100 * found["prnu_rms"]["value"], 4),
                page.number(100 * found["prnu_rms"]["u"], 2),
                "",
                "%",
            ),
            (
                "",
                "gain of a pixel",
                "",
                page.number(100 * found["u_gain_pixel"], 2),
                page.number(100 * truth["gain_error_rms"], 2) if truth else "",
                "%",
            ),
        ]
    heads = ("satellite", "parameter", "found", "u (k = 1)", "error of pixels (rms)", "unit")
    parts = [
        '<h2 id="detector">Detector</h2>'
        "<p>Dark signal and relative gain of every pixel, from frames in the dark and of even "
        "light.</p>",
        page.table(heads, rows, numeric={2, 3, 4}),
    ]
    for satellite in (campaign["left"], campaign["right"]):
        name = satellite["platform"]
        parts.append(f"<h3>{page.text(name)}</h3>")
        parts.append(
            page.image(
                figures.detector(evidence, name, satellite["shape"][1]),
                "Relative gain, and how far it is from the truth.",
                f"Detector of {name}",
            )
        )
    return "".join(parts)


def _provenance(record: Mapping[str, Any]) -> str:
    software = ", ".join(f"{name} {version}" for name, version in record["software"].items())
    campaign = record["campaign"]
    files = [campaign["ortho"], campaign["heights"], campaign["surface"]]
    for satellite in (campaign["left"], campaign["right"]):
        files += [satellite["dark"], satellite["flat"]]
        files += [image["file"] for image in satellite["images"]]
    if campaign.get("truth"):
        files.append(campaign["truth"])
    inputs = page.table(
        ("input", "checksum (SHA-256 multihash)"),
        [(f"<code>{page.text(f['key'])}</code>", f"<code>{f['checksum']}</code>") for f in files],
    )
    options = page.table(
        ("option", "value"),
        [(page.text(name), page.text(str(value))) for name, value in record["options"].items()],
    )
    sets = "".join(
        f"<li><code>{page.text(key)}</code></li>" for key in record["parameter_sets"]["after"]
    )
    return (
        '<h2 id="provenance">Provenance</h2>'
        f"<p>Software: {page.text(software)}. Everything installed: "
        f"<code>{record['environment_digest']}</code>.</p>"
        "<p>Every number of this page is in <code>dossier.json</code> beside it; "
        "<code>boresight.workflows.calibrate.redo</code> makes the dossier again from that record "
        f"and compares them.</p><h3>Calibrated parameter sets</h3><ul>{sets}</ul>"
        f"<h3>Options</h3>{options}<h3>Inputs</h3>{inputs}"
    )


def _when(record: Mapping[str, Any]) -> str:
    return str(record["made_at"]).replace("T", " ").replace("+00:00", " UTC")
