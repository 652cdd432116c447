//! Layouts in which nothing lies over anything else, and files that are what they are called.

use tancho_core::{Result, Tensor, tensor};

use super::chart;
use super::font::text_width;
use super::shapes::{Anchor, Area, Drawing, Shape};
use super::{Plot, confusion_matrix, images, plot};

/// The rectangles of all texts.
fn texts(drawing: &Drawing) -> Vec<(&str, Area)> {
    let mut found = Vec::new();
    for shape in &drawing.shapes {
        let Shape::Text { text, at: (x, y), size, anchor, turned, .. } = shape else { continue };
        let length = text_width(text, *size);
        let before = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => length / 2.0,
            Anchor::End => length,
        };
        // From the foot of a letter that goes below the line to the top of a capital.
        let (above, below) = (0.73 * size, 0.22 * size);
        let area = if *turned {
            Area { left: x - above, top: y - length + before, right: x + below, bottom: y + before }
        } else {
            Area { left: x - before, top: y - above, right: x - before + length, bottom: y + below }
        };
        found.push((text.as_str(), area));
    }
    found
}

/// No text lies over another, and all are on the page.
#[track_caller]
fn check_texts(plot: Plot<'_>) {
    let drawing = chart::draw(&plot).expect("a drawing");
    let texts = texts(&drawing);
    for (index, (text, area)) in texts.iter().enumerate() {
        let is_on_page =
            area.left >= 0.0 && area.top >= 0.0 && area.right <= drawing.width && area.bottom <= drawing.height;
        assert!(is_on_page, "{text:?} at {area:?} leaves the page");
        for (other, place) in &texts[..index] {
            let is_apart = area.right <= place.left
                || place.right <= area.left
                || area.bottom <= place.top
                || place.bottom <= area.top;
            assert!(is_apart, "{text:?} at {area:?} lies over {other:?} at {place:?}");
        }
    }
}

fn circle() -> (Vec<f64>, Vec<f64>) {
    (0..64).map(|step| (f64::from(step) / 64.0 * std::f64::consts::TAU).sin_cos()).unzip()
}

#[test]
fn no_text_lies_over_another() {
    let (xs, ys) = circle();
    let long = "a name that is much longer than any name of a series should be, but one never knows what comes";
    check_texts(plot("").line("loss", [3.0, 2.0, 1.0]).title("Progress").labels("Epoch", "Loss"));
    check_texts(plot("").points("points", &xs, &ys).curve("round", &xs, &ys).title(long).labels(long, long));
    check_texts(plot("").points(long, &xs, &ys).line(long, [1e-9, 1e9]).title("Both"));
    check_texts(plot("").line("a", [1e-9, 1e9]).logarithmic_y().labels("x", "y"));
    check_texts(plot("").line("narrow", [123456.7, 123456.8]).size(200.0, 160.0).labels("x", "y").title("Small"));
    check_texts(plot("").classes(&["0", "1"], [0.0, 1.0], [0.0, 1.0], [0, 1]).regions(|x| x.slice((.., 0)).gt(0.5)));
    check_texts(plot("").line("nothing", [f32::NAN]));
    check_texts(plot("").histogram("numbers", &xs, 10).labels("value", "count"));
}

#[test]
fn a_legend_hides_no_data() {
    // Data in all corners leave no room within the frame.
    let corners = plot("").points("corners", [0, 0, 1, 1], [0, 1, 0, 1]);
    let drawing = chart::draw(&corners).expect("a drawing");
    let name = texts(&drawing).into_iter().find(|(text, _)| *text == "corners").expect("an entry").1;
    let dots = drawing.shapes.iter().filter_map(|shape| match shape {
        Shape::Dot { center, .. } => Some(center.0),
        _ => None,
    });
    // The last dot is that of the legend.
    let rightmost = dots.clone().take(dots.count() - 1).fold(0.0, f64::max);
    assert!(rightmost < name.left, "{rightmost} is not left of {name:?}");
}

#[test]
fn a_line_has_gaps_where_it_is_not_finite_or_outside() {
    let parts = |ys: &[f64]| {
        let drawing = chart::draw(&plot("").line("", ys).y_range(0.0..=10.0)).expect("a drawing");
        let width = |shape: &&Shape| matches!(shape, Shape::Line { width, .. } if *width == 2.0);
        drawing.shapes.iter().filter(width).count()
    };
    assert_eq!(parts(&[1.0, 2.0, 3.0, 4.0]), 1);
    assert_eq!(parts(&[1.0, 2.0, f64::NAN, 3.0, 4.0]), 2);
    assert_eq!(parts(&[1.0, 2.0, 30.0, 30.0, 3.0, 4.0]), 2);
}

#[test]
fn files_are_what_their_names_say() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let begins_with = |name: &str, head: &[u8]| {
        let bytes = std::fs::read(folder.path().join(name)).expect("a file");
        assert!(bytes.starts_with(head) && bytes.len() > 500, "{name}: {} bytes", bytes.len());
    };
    let losses: Tensor = tensor([3.0f32, 2.0, 1.0]);
    plot(folder.path().join("new/loss.svg")).line("loss", &losses).save()?;
    begins_with("new/loss.svg", b"<svg width=\"720\" height=\"480\"");
    plot(folder.path().join("loss.png")).line("loss", &losses).save()?;
    begins_with("loss.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x05\xA0\0\0\x03\xC0");
    let picture = tensor([[0.0f32, 0.5], [0.25, 1.0]]);
    images(folder.path().join("picture.svg")).image("four", &picture).save()?;
    begins_with("picture.svg", b"<svg ");
    let batch = picture.reshape([1, 2, 2]);
    images(folder.path().join("picture.png")).batch(&["four"], &batch).title("A batch").save()?;
    begins_with("picture.png", b"\x89PNG");
    confusion_matrix(folder.path().join("confusion.svg"), [0, 1, 1], tensor([0, 1, 0])).names(&["no", "yes"]).save()?;
    begins_with("confusion.svg", b"<svg ");
    Ok(())
}

#[test]
fn a_plot_is_the_same_to_the_bit() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let (xs, ys) = circle();
    for name in ["a.png", "b.png"] {
        plot(folder.path().join(name)).points("round", &xs, &ys).title("Twice").save()?;
    }
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file");
    assert!(read("a.png") == read("b.png"));
    Ok(())
}

#[test]
fn mistakes_are_named() {
    #[track_caller]
    fn check(saved: Result<()>, expected: &str) {
        let message = saved.expect_err("a mistake").to_string();
        assert!(message.starts_with(expected) && message.contains("plot/tests.rs:"), "{message}");
    }
    check(plot("loss.gif").line("", [1]).save(), "plot: loss.gif: plots are written as .svg or .png (");
    check(plot("a.svg").curve("f", [1, 2], [1]).save(), "plot: curve \"f\": 2 numbers for x, but 1 for y (");
    check(
        plot("a.svg").classes(&["no"], [1], [1], [1]).save(),
        "plot: classes: there is a class 1, but 1 have names (",
    );
    check(plot("a.svg").line("", tensor([1.0f32]).reshape([2])).save(), "reshape: ");
    check(images("a.svg").image("", &tensor([1.0f32])).save(), "images: a picture is [height, width], or");
    check(confusion_matrix("a.svg", [0], [-1]).save(), "confusion matrix: -1 is not the number of a class (");
    check(confusion_matrix("a.svg", [0], [1, 2]).save(), "confusion matrix: 1 true classes, but 2 predicted ones (");
}
