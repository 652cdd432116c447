//! Datasets and the files that they are read from; a bad file is an error that says where it is bad.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flate2::Compression;
use flate2::write::GzEncoder;
use tancho_core::{DType, Error, Result, Tensor, arange, tensor};
use tancho_nn::data::{Dataset, Items, read_idx, read_npy, read_npz};

fn numbers(end: i32) -> Dataset<Tensor> {
    Dataset::new(arange(0, end, 1))
}

/// The elements of each item of a pass, or its error.
fn gather(items: Items<Tensor>) -> Vec<Result<Vec<i32>, String>> {
    items.map(|item| item.and_then(|x| x.to_vec()).map_err(|error| error.kind().to_string())).collect()
}

#[track_caller]
fn check(dataset: &Dataset<Tensor>, expected: &[&[i32]]) {
    let expected: Vec<Result<Vec<i32>, String>> = expected.iter().map(|item| Ok(item.to_vec())).collect();
    assert_eq!(gather(dataset.iter()), expected);
    if let Some(count) = dataset.count() {
        assert_eq!(count, expected.len());
    }
}

#[track_caller]
fn check_error<T>(result: Result<T>, expected: &str) {
    let Err(error) = result else { panic!("there is no error") };
    assert!(error.to_string().contains(expected), "{error}\ndoes not say\n{expected}");
}

#[test]
fn samples_come_in_parts_and_batches() {
    check(&numbers(3), &[&[0], &[1], &[2]]);
    check(&numbers(5).batch(2), &[&[0, 1], &[2, 3], &[4]]);
    check(&numbers(5).batch_exact(2), &[&[0, 1], &[2, 3]]);
    check(&numbers(4).batch(9), &[&[0, 1, 2, 3]]);
    check(&numbers(0).batch(9), &[]);
    check(&numbers(6).skip(1).take(3).batch(2), &[&[1, 2], &[3]]);
    check(&numbers(2).take(9).skip(1), &[&[1]]);
    check(&numbers(2).repeat(2), &[&[0], &[1], &[0], &[1]]);
    check(&numbers(2).repeat(0), &[]);
    check(&numbers(2).repeat_forever().batch(3).take(2), &[&[0, 1, 0], &[1, 0, 1]]);
    check(&numbers(0).repeat_forever(), &[]);
    check(&numbers(3).map(|x| x * 2).prefetch(1), &[&[0], &[2], &[4]]);
    // Batches are samples too.
    check(&Dataset::new(arange(0, 6, 1).reshape([3, 2])).batch(2), &[&[0, 1, 2, 3], &[4, 5]]);
}

#[test]
fn samples_are_trees() -> Result<()> {
    let x = arange(0.0f32, 6.0, 1.0).reshape([3, 2]);
    let pairs = Dataset::new((x, arange(0i64, 3, 1)));
    let (x, y) = pairs.batch(2).iter().next().ok_or_else(|| Error::new("empty"))??;
    assert_eq!((x.shape().known(), y.to_vec::<i64>()?), (Some(vec![2, 2]), vec![0, 1]));
    assert_eq!((x.dtype(), x.to_vec::<f32>()?), (DType::F32, vec![0.0, 1.0, 2.0, 3.0]));

    let zipped = pairs.zip(&numbers(2));
    assert_eq!(zipped.count(), Some(2));
    let positions: Vec<usize> =
        zipped.enumerate().iter().map(|item| item.map(|(place, _)| place)).collect::<Result<_>>()?;
    assert_eq!(positions, [0, 1]);

    let sample = (arange(0, 4, 1), vec![arange(4, 8, 1)]);
    let (x, y) = Dataset::new(sample).skip(1).batch(3).iter().next().ok_or_else(|| Error::new("empty"))??;
    assert_eq!((x.to_vec::<i32>()?, y[0].to_vec::<i32>()?), (vec![1, 2, 3], vec![5, 6, 7]));
    Ok(())
}

#[test]
fn each_pass_is_shuffled_by_seed_and_number() {
    let flat = |items: Items<Tensor>| -> Vec<i32> { gather(items).into_iter().flatten().flatten().collect() };
    let shuffled = numbers(50).shuffle(50, 7);
    let (first, second) = (flat(shuffled.iter()), flat(shuffled.iter()));
    assert_ne!(first, second);
    assert_eq!((flat(shuffled.pass(0)), flat(shuffled.pass(1))), (first.clone(), second));
    assert_ne!(flat(numbers(50).shuffle(50, 8).iter()), first);
    let mut sorted = first.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<i32>>());
    // What is prefetched is the same; each pass of a repeated dataset differs.
    assert_eq!(flat(numbers(50).shuffle(50, 7).prefetch(3).iter()), first);
    let twice = flat(numbers(50).shuffle(50, 7).repeat(2).iter());
    assert_ne!(twice[..50], twice[50..]);
    assert_eq!(twice[..50], first);
    // A sample comes at most a buffer's length early.
    for (position, &sample) in flat(numbers(50).shuffle(5, 1).iter()).iter().enumerate() {
        assert!(sample < position as i32 + 5);
    }
    // All orders of three are about equally likely.
    let mut counts = std::collections::BTreeMap::new();
    let three = numbers(3).shuffle(3, 3);
    (0..6000).for_each(|number| *counts.entry(flat(three.pass(number))).or_insert(0) += 1);
    assert!(counts.len() == 6 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
}

#[test]
fn errors_are_items() {
    let bad = Dataset::new((arange(0, 3, 1), arange(0, 4, 1)));
    let errors: Vec<Error> = bad.batch(2).iter().filter_map(Result::err).collect();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().starts_with("the tensors of a dataset have as many samples each, not [3], [4] ("));
    assert!(errors[0].to_string().contains("tests/data.rs:"), "{}", errors[0]);
    check_error(Dataset::new(tensor(1)).iter().collect::<Result<Vec<_>>>(), "one is of rank 0");
    check_error(numbers(1).batch(0).iter().collect::<Result<Vec<_>>>(), "at least one sample");

    let odd = |x: Tensor| if x.item::<i32>()? % 2 == 1 { Err(Error::new("odd")) } else { Ok(x) };
    let (one, no) = (|x: i32| Ok(vec![x]), || Err("odd".to_owned()));
    assert_eq!(gather(numbers(4).try_map(odd).iter()), [one(0), no(), one(2), no()]);
    let batches = gather(numbers(4).try_map(odd).batch(2).prefetch(2).iter());
    assert_eq!(batches, [no(), Ok(vec![0, 2]), no()]);
    // A tensor that carries an error is one, and so are samples that do not fit together.
    let carried = gather(numbers(2).map(|x| x.reshape([7])).iter());
    assert!(carried.len() == 2 && carried.iter().all(Result::is_err), "{carried:?}");
    let ragged = Dataset::stream(|| (1..3).map(|size| Ok(arange(0, size, 1))));
    check_error(ragged.batch(2).iter().collect::<Result<Vec<_>>>(), "have one type, not i32[1] and i32[2]");
}

#[test]
fn a_thread_that_panics_is_an_error_and_one_that_is_dropped_ends() {
    let panics = numbers(3).map(|x| {
        assert_ne!(x.item::<i32>().unwrap_or(0), 1, "a panic that this test is about");
        x
    });
    let items = gather(panics.prefetch(1).iter());
    assert_eq!(items, [Ok(vec![0]), Err("the thread that makes samples ready has panicked".to_owned())]);

    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let counted = numbers(1000).map(move |x| {
        count.fetch_add(1, Relaxed);
        x
    });
    let mut items = counted.prefetch(2).iter();
    assert!(items.next().is_some());
    drop(items);
    assert!(made.load(Relaxed) <= 10, "no more is made ready than asked for");
}

#[test]
fn what_is_cached_is_made_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let cached = numbers(3)
        .map(move |x| {
            count.fetch_add(1, Relaxed);
            x
        })
        .cache();
    // A pass that is broken off is not kept.
    assert!(cached.iter().next().is_some());
    check(&cached, &[&[0], &[1], &[2]]);
    check(&cached, &[&[0], &[1], &[2]]);
    assert_eq!(made.load(Relaxed), 4);
    let flaky = made.clone();
    let failing =
        numbers(2).try_map(move |x| if flaky.fetch_add(1, Relaxed) == 4 { Err(Error::new("once")) } else { Ok(x) });
    let failing = failing.cache();
    assert!(gather(failing.iter())[0].is_err());
    check(&failing, &[&[0], &[1]]);
}

/// A file in a folder that goes with the test.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn arrays_of_numpy_are_read_packed_or_not() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let x = arange(0.0f64, 30_000.0, 1.0).reshape([300, 100]);
    let bytes = tancho_formats::encode_npy(&x.array()?);
    for content in [bytes.clone(), gzip(&bytes)] {
        assert!(read_npy(write(folder, "x", &content))?.array()?.same_bits(&x.array()?));
    }
    let packed = gzip(&bytes);
    for length in (0..packed.len()).step_by(97) {
        assert!(read_npy(write(folder, "x", &packed[..length])).is_err(), "{length} packed bytes");
    }
    let mut changed = packed.clone();
    let last = changed.len() - 5;
    changed[last] ^= 1;
    check_error(read_npy(write(folder, "x", &changed)), "cannot unpack");
    check_error(read_npy(write(folder, "x", &gzip(&bytes[..bytes.len() - 8]))), "expected 240000 bytes of data");
    check_error(read_npy(write(folder, "x", &gzip(&[&bytes[..], b"more"].concat()))), "expected 240000 bytes of data");
    check_error(read_npy(folder.join("none")), "cannot read");

    // A header that claims what the packed bytes cannot hold, or more than the limit.
    let claims = |count: &str| {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({count},), }}\n");
        [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
    };
    check_error(read_npy(write(folder, "x", &gzip(&claims("100000000")))), "packed bytes cannot hold 4000000");
    check_error(read_npy(write(folder, "x", &gzip(&claims("9000000000")))), "which are more than 4294967296");
    check_error(read_npy(write(folder, "x", &gzip(&claims("99999999999999999999")))), "expected a size");
    Ok(())
}

#[test]
fn small_files_that_unpack_to_large_ones_are_not_unpacked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // 64 MiB of zeros in 64 KiB; the header asks for 4 bytes.
    let zeros = vec![0u8; 64 << 20];
    let header = [0, 0, 8, 1, 0, 0, 0, 4];
    let path = write(folder.path(), "bomb", &gzip(&[&header[..], &zeros].concat()));
    check_error(read_idx(path), "byte 12: expected 4 bytes for u8[4], found 65528");
    Ok(())
}

#[test]
fn files_of_mnist_are_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    let pictures = [&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2][..], &[1, 2, 3, 255]].concat();
    for content in [pictures.clone(), gzip(&pictures)] {
        let x = read_idx(write(folder, "x", &content))?;
        assert_eq!((x.shape().known(), x.to_vec::<u8>()?), (Some(vec![2, 1, 2]), vec![1, 2, 3, 255]));
    }
    let wide = [0, 0, 0x0c, 1, 0, 0, 0, 2, 0, 0, 1, 2, 255, 255, 255, 254];
    assert_eq!(read_idx(write(folder, "x", &wide))?.to_vec::<i32>()?, [258, -2]);
    let single = [0, 0, 0x0d, 0, 0x3f, 0x80, 0, 0];
    assert_eq!(read_idx(write(folder, "x", &single))?.item::<f32>()?, 1.0);

    let check = |bytes: &[u8], expected: &str| check_error(read_idx(write(folder, "x", bytes)), expected);
    for length in 0..pictures.len() {
        check(&pictures[..length], "x, byte");
        check(&gzip(&pictures[..length]), "x, byte");
    }
    check(&[&pictures[..], &[0]].concat(), "byte 20: expected 4 bytes for u8[2, 1, 2], found 5");
    check(b"\x93NUMPY\x01\x00", "byte 0: expected two zeros of a file in MNIST's format");
    check(&[0, 0, 7, 1, 0, 0, 0, 1, 0], "byte 2: expected a type of elements, 8 to 14, found 7");
    let huge = [&[0, 0, 8, 4][..], &[255; 16]].concat();
    check(&huge, "byte 4: expected sizes whose elements fit in memory");
    let large = [&[0, 0, 8, 2][..], &[0, 1, 0, 0, 0, 1, 0, 0]].concat();
    check(&large, "expected 4294967296 bytes for u8[65536, 65536], found 0");
    check(&gzip(&large), "which are more than");
    Ok(())
}

#[test]
fn archives_of_numpy_are_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data_files");
    for name in ["stored.npz", "packed.npz"] {
        let path = files.join(name);
        let arrays = read_npz(&path)?;
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["labels", "x"]);
        assert_eq!(arrays["x"].to_vec::<f32>()?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((arrays["x"].rank(), arrays["labels"].to_vec::<i64>()?), (2, vec![1, -2]));
        // Whatever byte is another: the arrays or an error, and never a panic.
        let bytes = fs::read(&path)?;
        for length in 0..bytes.len() {
            check_error(read_npz(write(folder.path(), "cut", &bytes[..length])), "cut");
        }
        for place in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= change;
                if let Ok(arrays) = read_npz(write(folder.path(), "changed", &changed)) {
                    for array in arrays.values() {
                        let sum = array.array()?.to_f64_vec().iter().sum::<f64>();
                        assert!(sum == 15.0 || sum == -1.0, "{name}: byte {place} is another, and nobody sees it");
                    }
                }
            }
        }
    }
    check_error(read_npz(write(folder.path(), "x", b"text")), "archive");
    Ok(())
}

#[cfg(feature = "csv")]
#[test]
fn tables_say_where_they_are_wrong() -> Result<()> {
    use tancho_nn::data::Table;
    let folder = tempfile::tempdir()?;
    let read = |text: &str| Table::read(write(folder.path(), "t.csv", text.as_bytes()));
    let table = read("a, b ,\"c, d\"\r\n1,2.5,x\n\n-3, 4e2 ,\"y \"\"z\"\"\"\n")?;
    assert_eq!((table.names().join("|").as_str(), table.row_count()), ("a|b|c, d", 2));
    assert_eq!(table.column::<i64>("a")?.to_vec::<i64>()?, [1, -3]);
    assert_eq!(table.columns::<f32>(&["b", "a"])?.to_vec::<f32>()?, [2.5, 1.0, 400.0, -3.0]);
    assert_eq!(table.texts("c, d")?, ["x", "y \"z\""]);
    check_error(table.column::<u8>("a"), "t.csv, line 4, column \"a\": expected u8, found \"-3\"");
    check_error(table.column::<i32>("b"), "t.csv, line 2, column \"b\": expected i32, found \"2.5\"");
    check_error(table.column::<i32>("e"), "has no column \"e\"; its columns are a, b, c, d");
    check_error(read("a,b\n1\n"), "t.csv, line 2: expected 2 values, found 1");
    check_error(read("a,a\n1,2\n"), "t.csv, line 1: two columns are called \"a\"");
    check_error(
        read("a\n\n1\n \n").and_then(|table| table.column::<f32>("a")),
        "column \"a\": expected f32, found \"\"",
    );
    let path = write(folder.path(), "t.csv", b"a,b\n1,\xff\n");
    check_error(Table::read(path), "t.csv, line 2, value 2: expected UTF-8 text, found other bytes");
    check_error(Table::read(folder.path().join("none")), "cannot read");
    assert_eq!(read("")?.row_count(), 0);
    let path = write(folder.path(), "t.csv", b"a;b\n1;2\n");
    assert_eq!(Table::read_separated(path, ';')?.column::<u8>("b")?.to_vec::<u8>()?, [2]);
    Ok(())
}

#[cfg(feature = "image")]
#[test]
fn pictures_are_read_by_class() -> Result<()> {
    use tancho_nn::data::ImageFolder;
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    check_error(ImageFolder::new(folder, [2, 2]), "has no folder in it");
    for (class, name, value) in [("dogs", "2.png", 200u8), ("cats", "1.png", 10), ("dogs", "1.PNG", 100)] {
        fs::create_dir_all(folder.join(class))?;
        let picture = image::RgbImage::from_pixel(4, 2, image::Rgb([value, 0, 255]));
        picture.save_with_format(folder.join(class).join(name), image::ImageFormat::Png).unwrap();
    }
    write(folder, "cats/notes.txt", b"no picture");
    write(folder, "cats/2.jpg", b"no picture either");
    let found = ImageFolder::new(folder, [1, 2])?;
    assert_eq!(found.classes(), ["cats", "dogs"]);
    let items: Vec<Result<(Tensor, Tensor)>> = found.dataset().iter().collect();
    assert_eq!((items.len(), found.dataset().count()), (4, Some(4)));
    let mut seen = Vec::new();
    for item in &items {
        match item {
            Ok((x, y)) => {
                assert_eq!((x.shape().known(), x.dtype()), (Some(vec![1, 2, 3]), DType::F32));
                seen.push((x.to_vec::<f32>()?[..3].to_vec(), y.item::<i32>()?));
            }
            Err(error) => assert!(error.to_string().contains("2.jpg"), "{error}"),
        }
    }
    let expected = [(10.0, 0), (100.0, 1), (200.0, 1)].map(|(red, class)| (vec![red, 0.0, 255.0], class));
    assert_eq!(seen, expected);
    let (grey, _) = found.grey().dataset().iter().next().ok_or_else(|| Error::new("empty"))??;
    assert_eq!(grey.shape().known(), Some(vec![1, 2, 1]));

    // A picture that claims to be huge.
    let mut huge = fs::read(folder.join("dogs/2.png"))?;
    huge[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
    fs::write(folder.join("dogs/2.png"), huge)?;
    let items: Vec<Result<(Tensor, Tensor)>> = ImageFolder::new(folder, [1, 2])?.dataset().iter().collect();
    assert_eq!(items.iter().filter(|item| item.is_err()).count(), 2);
    check_error(ImageFolder::new(folder, [0, 2]), "1 to 65536 pixels");
    Ok(())
}
