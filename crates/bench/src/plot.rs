//! Lines in a frame, as SVG: for points that were measured, on a page of any colour.
//!
//! The background is transparent and all colours are of middle brightness, so that the same file can be read on
//! white and on black. Lines carry their names at their ends; there is no legend to look things up in.

pub mod axis;

use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

pub use self::axis::Axis;

/// A frame with lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: &'static str,
    /// To the right.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// The lines; there is at least one.
    pub series: Vec<Series>,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What stands at its end.
    pub name: &'static str,
    /// Whether it is about us, which its colour shows.
    pub ours: bool,
    /// From left to right; there is at least one.
    pub points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (680, 360);
/// Where the names of the lines stand.
const RIGHT: u32 = 120;
const INK: RGBColor = RGBColor(0x76, 0x76, 0x76);
const OURS: [RGBColor; 2] = [RGBColor(0x1f, 0x77, 0xd0), RGBColor(0x8f, 0x63, 0xd8)];
const OTHERS: [RGBColor; 2] = [RGBColor(0xd9, 0x73, 0x0d), RGBColor(0xb0, 0x7d, 0x3c)];
/// Names of lines are so far apart, in pixels.
const LINE_HEIGHT: i32 = 16;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    /// As the text of an SVG file.
    pub fn svg(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.draw(&SVGBackend::with_string(&mut text, SIZE).into_drawing_area())?;
        text.push('\n');
        Ok(text)
    }

    fn draw(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, text(17))
            .margin(12)
            .margin_right(RIGHT)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(
                self.x.scale(points().map(|point| point.0)),
                self.y.scale(points().map(|point| point.1)),
            )?;
        chart
            .configure_mesh()
            .x_desc(self.x.name)
            .y_desc(self.y.name)
            .x_label_formatter(&|value| axis::short(*value))
            .y_label_formatter(&|value| axis::short(*value))
            .label_style(text(13))
            .axis_style(INK.mix(0.6))
            .bold_line_style(INK.mix(0.25))
            .light_line_style(TRANSPARENT)
            .draw()?;

        let mut names = Vec::new();
        for (series, color) in self.colored() {
            let line = series.points.iter().copied();
            chart.draw_series(LineSeries::new(line.clone(), color.stroke_width(2)))?;
            chart.draw_series(line.map(|point| Circle::new(point, 3, color.filled())))?;
            if let Some(last) = series.points.last() {
                let (x, y) = chart.backend_coord(last);
                names.push((x + 8, y, series.name, color));
            }
        }
        write_names(area, names)
    }

    /// Each line with its colour.
    fn colored(&self) -> impl Iterator<Item = (&Series, RGBColor)> {
        let (mut ours, mut others) = (OURS.iter().cycle(), OTHERS.iter().cycle());
        self.series.iter().filter_map(move |series| {
            let colors = if series.ours { &mut ours } else { &mut others };
            Some((series, *colors.next()?))
        })
    }
}

/// Writes each name where its line ends, or as near below as the name above allows.
fn write_names(area: &Area<'_>, mut names: Vec<(i32, i32, &str, RGBColor)>) -> anyhow::Result<()> {
    names.sort_by_key(|name| name.1);
    let mut free = 0;
    for (x, y, name, color) in names {
        let y = y.max(free);
        free = y + LINE_HEIGHT;
        let style = text(13)
            .color(&color)
            .pos(Pos::new(HPos::Left, VPos::Center));
        area.draw_text(name, &style, (x, y))?;
    }
    Ok(())
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_text_style(&SIZE).color(&INK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[(f64, f64)]) -> Plot {
        let series = |name, ours, factor: f64| Series {
            name,
            ours,
            points: points.iter().map(|&(x, y)| (x, y * factor)).collect(),
        };
        Plot {
            title: "Logins & more",
            x: Axis::logarithmic("connections"),
            y: Axis::linear("a second"),
            series: vec![series("ours", true, 1.0), series("theirs", false, 1.01)],
        }
    }

    /// The elements of an SVG text by name, each opened and closed as XML wants it.
    fn elements(svg: &str) -> Vec<String> {
        let (mut open, mut all) = (Vec::new(), Vec::new());
        let mut rest = svg;
        while let Some((text, tail)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            assert!(
                text.match_indices('&')
                    .all(|(at, _)| text[at..].contains(';')),
                "{text}"
            );
            let (tag, tail) = tail.split_once('>').expect("a tag ends");
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            rest = tail;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name));
                continue;
            }
            let name = tag
                .split([' ', '/'])
                .next()
                .expect("there is one")
                .to_owned();
            if !tag.ends_with('/') {
                open.push(name.clone());
            }
            all.push(name);
        }
        assert!(open.is_empty(), "{open:?}");
        all
    }

    #[test]
    fn a_plot_is_well_formed_svg() {
        let svg = plot(&[(1.0, 10.0), (8.0, 500.0), (1024.0, 990.0)])
            .svg()
            .expect("it can be drawn");
        let elements = elements(&svg);
        assert_eq!(elements[0], "svg");
        let count = |name: &str| elements.iter().filter(|element| *element == name).count();
        assert_eq!(count("circle"), 6, "{svg}");
        assert!(svg.contains("Logins &amp; more"), "{svg}");
    }

    #[test]
    fn no_colour_is_lost_on_a_white_or_a_black_page() {
        for color in [&[INK][..], &OURS, &OTHERS].concat() {
            let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
            let RGBColor(red, green, blue) = color;
            let light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
            assert!(1.05 / (light + 0.05) > 3.0, "{color:?} on white");
            assert!((light + 0.05) / 0.05 > 3.0, "{color:?} on black");
        }
    }

    #[test]
    fn names_of_lines_that_end_together_do_not_cover_each_other() {
        let svg = plot(&[(1.0, 10.0), (8.0, 100.0)])
            .svg()
            .expect("it can be drawn");
        let y = |name: &str| -> i32 {
            let before = svg
                .split_once(&format!("\n{name}\n"))
                .expect("it is there")
                .0;
            let (_, element) = before.rsplit_once("<text").expect("it is in one");
            let (_, y) = element.split_once(" y=\"").expect("it has a place");
            y.split_once('"')
                .expect("it ends")
                .0
                .parse()
                .expect("it is a number")
        };
        assert!((y("ours") - y("theirs")).abs() >= LINE_HEIGHT, "{svg}");
    }

    #[test]
    fn one_point_or_equal_points_can_be_drawn() {
        for points in [&[(64.0, 7.0)][..], &[(1.0, 0.0), (2.0, 0.0)]] {
            elements(&plot(points).svg().expect("it can be drawn"));
        }
    }
}
