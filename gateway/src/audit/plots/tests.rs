use super::*;
use proptest::prelude::*;

fn plain(value: f64) -> String {
    format!("{value}")
}

fn caption() -> Caption<'static> {
    Caption { id: "volume", title: "Volume", desc: "Messages a day" }
}

fn days(n: usize) -> Vec<String> {
    (0..n).map(|day| format!("{day:02}.11.")).collect()
}

fn series(class: &'static str, values: &[f64]) -> Series {
    let values = values.iter().map(|value| Some(*value)).collect();
    Series { class, name: class.to_owned(), values }
}

/// The tags of a picture with their attributes. Fails on whatever is no well-formed XML.
fn read(svg: &str) -> Vec<(String, Vec<(String, String)>)> {
    let (mut open, mut tags, mut rest) = (vec![], vec![], svg);
    while let Some((text, from)) = rest.split_once('<') {
        assert!(!text.contains('>'), "a stray > in {text:?}");
        let (tag, after) = from.split_once('>').expect("every tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{svg}");
            continue;
        }
        let alone = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, mut said) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = vec![];
        while let Some((key, value)) = said.trim_start().split_once("=\"") {
            let (value, more) = value.split_once('"').expect("every value ends");
            attributes.push((key.to_owned(), value.to_owned()));
            said = more;
        }
        assert_eq!(said.trim(), "", "{tag}");
        tags.push((name.to_owned(), attributes));
        if !alone {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    assert_eq!(rest, "");
    tags
}

fn number(attributes: &[(String, String)], name: &str) -> f64 {
    let (_, value) = attributes.iter().find(|(key, _)| key == name).expect(name);
    value.parse().expect("a number")
}

/// Fails if anything is drawn outside the picture, or is no number. Words may stand over its edge by a line's height.
fn within(svg: &str) {
    let tags = read(svg);
    let view: Vec<f64> = tags[0].1[2].1.split(' ').map(|n| n.parse().expect("a number")).collect();
    let inside = |x: f64, y: f64| {
        let fits = (-0.1..=view[2] + 0.1).contains(&x) && (-0.1..=view[3] + 0.1).contains(&y);
        assert!(fits, "{x},{y} is outside {view:?}");
    };
    for (name, of) in &tags {
        match name.as_str() {
            "rect" => {
                let (x, y) = (number(of, "x"), number(of, "y"));
                let (width, height) = (number(of, "width"), number(of, "height"));
                assert!(width >= 0.0 && height >= 0.0, "{of:?}");
                inside(x, y);
                inside(x + width, y + height);
            }
            "circle" => inside(number(of, "cx"), number(of, "cy")),
            "text" => inside(number(of, "x"), number(of, "y")),
            "polyline" => {
                let (_, points) = of.iter().find(|(key, _)| key == "points").expect("points");
                for point in points.split(' ') {
                    let (x, y) = point.split_once(',').expect("x,y");
                    inside(x.parse().expect("a number"), y.parse().expect("a number"));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn a_plot_says_its_title_and_description_and_its_labels_fit() {
    let svg = columns(caption(), &days(31), &[series("s-sent", &[1.0; 31])], &plain);
    assert!(svg.contains(r#"aria-labelledby="volume-title volume-desc""#), "{svg}");
    assert!(svg.contains(r#"<title id="volume-title">Volume</title>"#), "{svg}");
    let labels = svg.matches(r#"text-anchor="middle""#).count();
    assert!((4..=LABELS).contains(&labels), "{labels} labels");
    assert!(
        !svg.contains("style=") && !svg.contains("<style") && !svg.contains("<script"),
        "{svg}"
    );
}

#[test]
fn what_others_wrote_is_text_and_nothing_else() {
    let evil = "</svg><script>alert(\"1\")</script>&'\u{0}";
    let rows = [(evil.to_owned(), 2.0)];
    let caption = Caption { id: "x", title: evil, desc: evil };
    let svg = bars(caption, "bar", &rows, &|_| evil.to_owned());
    assert!(!svg.contains("<script") && !svg.contains('\u{0}'), "{svg}");
    read(&svg);
}

#[test]
fn a_line_is_broken_where_a_number_is_not_known_and_a_lone_one_is_marked() {
    let values = vec![Some(1.0), Some(2.0), None, Some(f64::NAN), Some(3.0), None];
    let of = [Series { class: "p50", name: "p50".to_owned(), values: values.clone() }];
    let svg = lines(caption(), &days(6), &of, &Scale::counts(3.0), &plain);
    assert_eq!(svg.matches(r#"polyline class="p50""#).count(), 1, "{svg}");
    assert_eq!(svg.matches("<circle").count(), 3, "{svg}");
    let mut many = vec![None; 100];
    many[50] = Some(2.0);
    let of = [Series { class: "p50", name: "p50".to_owned(), values: many }];
    let svg = lines(caption(), &days(100), &of, &Scale::counts(3.0), &plain);
    assert_eq!(svg.matches("<circle").count(), 1, "{svg}");
}

#[test]
fn no_days_and_no_rows_are_a_plot_too() {
    within(&columns(caption(), &[], &[], &plain));
    within(&lines(caption(), &[], &[], &Scale::durations([].into_iter()), &plain));
    within(&bars(caption(), "bar", &[], &plain));
}

#[test]
fn durations_have_lines_that_people_know() {
    let scale = Scale::durations([350.0, 42_000.0].into_iter());
    assert_eq!(scale.ticks(), [100.0, 1_000.0, 10_000.0, 60_000.0]);
    assert!(scale.at(1_000.0) > 0.3 && scale.at(1_000.0) < 0.4);
    assert_eq!((scale.at(0.0), scale.at(1e12)), (0.0, 1.0));
}

#[test]
fn counts_have_even_lines() {
    assert_eq!(Scale::counts(0.0).ticks(), [0.0, 1.0]);
    assert_eq!(Scale::counts(3.0).ticks(), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(Scale::counts(970.0).ticks(), [0.0, 500.0, 1_000.0]);
    assert_eq!(Scale::counts(12_345.0).ticks(), [0.0, 5_000.0, 10_000.0, 15_000.0]);
}

fn any_value() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        4 => (0.0..1e9_f64).prop_map(Some),
        2 => (0..50_u32).prop_map(|n| Some(f64::from(n))),
        1 => any::<f64>().prop_map(Some),
        1 => Just(None),
    ]
}

proptest! {
    #[test]
    fn whatever_the_numbers_everything_is_drawn_inside(
        values in proptest::collection::vec(proptest::collection::vec(any_value(), 0..40), 0..5),
        n in 0..70_usize,
        name in any::<String>(),
    ) {
        let classes = ["a", "b", "c", "d", "e"];
        let series: Vec<Series> = values
            .iter()
            .zip(classes)
            .map(|(values, class)| Series { class, name: name.clone(), values: values.clone() })
            .collect();
        let all = || series.iter().flat_map(|of| of.values.iter().flatten().copied());
        within(&columns(caption(), &days(n), &series, &plain));
        within(&lines(caption(), &days(n), &series, &Scale::durations(all()), &plain));
        within(&lines(caption(), &days(n), &series, &Scale::shares(), &plain));
        let rows: Vec<(String, f64)> = all().map(|value| (name.clone(), value)).collect();
        within(&bars(caption(), "bar", &rows, &plain));
    }

    /// What is read off a column is what was counted: its height is its share of the highest line.
    #[test]
    fn a_column_is_as_high_as_its_parts_together(parts in proptest::collection::vec(1..5_000_u32, 1..8)) {
        let classes = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let series: Vec<Series> =
            parts.iter().zip(classes).map(|(n, class)| series(class, &[f64::from(*n)])).collect();
        let total = f64::from(parts.iter().sum::<u32>());
        let top = *Scale::counts(total).ticks().last().expect("a line");
        let svg = columns(caption(), &days(1), &series, &plain);
        let tags = read(&svg);
        let heights = tags.iter().filter(|(name, _)| name == "rect").map(|(_, of)| number(of, "height"));
        let drawn: f64 = heights.sum();
        let meant = (HEIGHT - TOP - BOTTOM) * total / top;
        prop_assert!((drawn - meant).abs() <= 0.1 * parts.len() as f64, "{drawn} for {meant}");
    }

    #[test]
    fn the_lines_of_a_scale_rise_from_nothing_to_beyond_the_highest_number(highest in 0.0..1e15_f64) {
        let scale = Scale::counts(highest);
        let ticks = scale.ticks();
        prop_assert!(ticks[0] == 0.0 && ticks.windows(2).all(|two| two[0] < two[1]));
        let top = ticks[ticks.len() - 1];
        prop_assert!(top >= highest && top <= highest * 2.5 + 1.0, "{top}");
        prop_assert!((2..=6).contains(&ticks.len()));
    }

    #[test]
    fn a_longer_duration_is_never_lower(a in 0.0..1e10_f64, b in 0.0..1e10_f64) {
        let scale = Scale::durations([a, b].into_iter());
        prop_assert_eq!(a < b && scale.at(a) > scale.at(b), false);
        prop_assert!(scale.ticks().len() >= 2);
    }
}
