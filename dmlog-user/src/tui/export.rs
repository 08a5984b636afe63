//! A view as files: its tables as CSV, the screen as SVG.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::grid::Grid;
use super::page::{Page, Part};

/// Width and height of a character of the picture, in its own unit.
const CELL: (usize, usize) = (8, 17);

/// The tables of a page, one after the other with an empty line between. Numbers are in base units: nanoseconds, bytes.
pub fn csv(page: &Page) -> String {
    let grids = page.parts.iter().filter_map(|part| match part {
        Part::Grid(grid) => Some(grid),
        Part::Line(_) | Part::Text(_) | Part::Map(_) => None,
    });
    let tables: Vec<String> = grids.filter(|grid| !grid.rows.is_empty()).map(table).collect();
    tables.join("\n")
}

fn table(grid: &Grid) -> String {
    let mut out = String::new();
    let heads: Vec<String> = grid.columns.iter().map(|column| quoted(column.title)).collect();
    out.push_str(&heads.join(","));
    out.push('\n');
    for row in &grid.rows {
        let cells =
            row.cells.iter().map(|cell| cell.value.map_or_else(|| quoted(&cell.text), |value| value.to_string()));
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The screen as a picture.
pub fn svg(buffer: &Buffer) -> String {
    let (width, height) = (usize::from(buffer.area.width) * CELL.0, usize::from(buffer.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"monospace\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#101418\"/>\n"
    );
    for y in 0..buffer.area.height {
        let base = usize::from(y) * CELL.1;
        let mut x = 0;
        while x < buffer.area.width {
            let style = buffer[(x, y)].style();
            let begin = x;
            let mut text = String::new();
            while x < buffer.area.width && buffer[(x, y)].style() == style {
                text.push_str(buffer[(x, y)].symbol());
                x += 1;
            }
            let reversed = style.add_modifier.contains(Modifier::REVERSED);
            let (left, length) = (usize::from(begin) * CELL.0, usize::from(x - begin) * CELL.0);
            if reversed {
                out.push_str(&format!(
                    "<rect x=\"{left}\" y=\"{base}\" width=\"{length}\" height=\"{}\" fill=\"#d0d0d0\"/>\n",
                    CELL.1
                ));
            }
            if text.trim().is_empty() {
                continue;
            }
            let weight = if style.add_modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
            let fill = if reversed { "#101418" } else { colour(style.fg, style.add_modifier) };
            out.push_str(&format!(
                "<text xml:space=\"preserve\" x=\"{left}\" y=\"{}\" textLength=\"{length}\" fill=\"{fill}\"{weight}>{}</text>\n",
                base + 13,
                escaped(&text)
            ));
        }
    }
    out.push_str("</svg>\n");
    out
}

fn colour(colour: Option<Color>, modifier: Modifier) -> &'static str {
    match colour {
        Some(Color::Green) => "#7ec77e",
        Some(Color::Red) => "#f07070",
        Some(Color::Yellow) => "#e6c860",
        Some(Color::Magenta) => "#d080d0",
        Some(Color::Cyan) => "#70c8d8",
        Some(Color::Blue) => "#80a0f0",
        _ if modifier.contains(Modifier::DIM) => "#909090",
        _ => "#d0d0d0",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Modifier, Style};

    use super::{csv, svg};
    use crate::tui::grid::{Cell, Grid, number, words};
    use crate::tui::page::Page;

    #[test]
    fn tables_have_base_units_and_quotes() {
        let mut grid = Grid::new("title", &[words("name", 0), number("p50", 0)], "");
        grid.push(0, vec![Cell::words("a,\"b\""), Cell::of(1500, |_| "1.50 µs".to_owned())]);
        grid.push(1, vec![Cell::words("c"), Cell::missing()]);
        let mut page = Page::default();
        page.gap();
        page.grid(grid);
        assert_eq!(csv(&page), "name,p50\n\"a,\"\"b\"\"\",1500\nc,-\n");
    }

    #[test]
    fn a_picture_is_well_formed() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        buffer.set_string(0, 0, "<a&b>", Style::default().add_modifier(Modifier::REVERSED));
        let svg = svg(&buffer);
        assert!(svg.contains("&lt;a&amp;b&gt;") && svg.contains("fill=\"#101418\">"), "{svg}");
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }
}
