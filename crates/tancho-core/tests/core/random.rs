//! Random numbers: the same ones however they are computed, distributed as they should be, and errors with their lines.
//!
//! Seeds are fixed, so that no test fails by chance. The bounds are such that another seed would pass, too.

use tancho_core::random::*;
use tancho_core::*;

use crate::check::check_error;

const COUNT: usize = 100_000;

// What the key of seed 1 gives.
const BITS: [u32; 5] = [3823634032, 3842641596, 2515673792, 3054873127, 2886210587];
const FOLDED: [u64; 2] = [8615047257299299611, 10863862908881151166];
const SPLIT: [u64; 2] = [6250913211800877376, 4773891948837359170];
const NORMAL: [f32; 3] = [-0.4138979, -0.11368013, -0.24733365];
const BETWEEN: [i64; 4] = [894, 874, 556, 36];

/// The numbers are the same at once, traced, and traced for sizes that vary; and within a larger function.
#[track_caller]
fn check_same(draw: impl Fn(Dim, Key) -> Tensor + Send + Sync + Copy) {
    for count in [0usize, 1, 5, 1003] {
        let bits = |tensor: Tensor| {
            let tensor = tensor.array().map(|array| array.buffer().bytes().to_vec());
            tensor.unwrap_or_else(|error| panic!("{error}"))
        };
        let key = Key::new(5);
        let expected = bits(draw(count.into(), key.clone()));
        let traced = function(move |key: Key| draw(count.into(), key));
        assert_eq!(bits(traced.call(&key).unwrap()), expected, "{count}, traced");
        let varying = function(move |key: Key, x: Tensor| (draw(x.shape()[0].clone(), key), x + 1.0));
        let (drawn, _) = varying.call((&key, zeros(DType::F32, [count]))).unwrap();
        assert_eq!(bits(drawn), expected, "{count}, with sizes that vary");
    }
}

#[test]
fn a_key_gives_the_same_numbers_however_it_is_drawn_from() {
    for dtype in DType::ALL {
        if dtype.is_float() {
            check_same(|n, key| uniform_of(dtype, [n], key));
            check_same(|n, key| normal_of(dtype, [n], key));
            check_same(|n, key| truncated_normal_of(dtype, [n], key));
            check_same(|n, key| exponential_of(dtype, [n], key));
            check_same(|n, key| gumbel_of(dtype, [n], key));
            check_same(|n, key| categorical([n], tensor([0.0, 1.0, 2.0]).to(dtype), key));
        } else if dtype.is_integer() {
            check_same(|n, key| bits(dtype, [n], key));
        }
        if dtype != DType::Bool {
            check_same(|n, key| uniform_in([n], ones(dtype, [1]), full(7, ()).to(dtype), key));
        }
    }
    check_same(|n, key| uniform_in([n, Dim::from(2)], -3.0f32, 2.0, key.fold_in(1).split(2).remove(1)));
    check_same(|n, key| bernoulli([n], 0.3, key));
    check_same(permutation);
    // A size that varies is above zero where parts are taken.
    check_same(|n, key| shuffle(normal([n + 1, Dim::from(3)], Seed(3)), 0, key));
}

#[test]
fn the_number_of_threads_changes_nothing() -> Result<()> {
    let draw = || normal([300_000], Seed(1)).to_vec::<f32>();
    let before = threads();
    set_threads(1);
    let expected = draw()?;
    for count in [2, 3, 8] {
        set_threads(count);
        assert!(draw()? == expected, "{count} threads");
    }
    set_threads(before);
    Ok(())
}

#[test]
fn the_numbers_stay_what_they_are() -> Result<()> {
    // Whoever stored a seed relies on these.
    assert_eq!(bits(DType::U32, [5], Seed(1)).to_vec::<u32>()?, BITS);
    assert_eq!(Key::new(1).fold_in(-1).data().to_vec::<u64>()?, FOLDED);
    assert_eq!(Key::new(1).split(2)[1].data().to_vec::<u64>()?, SPLIT);
    assert_eq!(normal([3], Seed(1)).to_vec::<f32>()?, NORMAL);
    assert_eq!(uniform_in([4], 0i64, 1000, Seed(1)).to_vec::<i64>()?, BETWEEN);
    Ok(())
}

/// Compares the mean, the variance and the distribution function of what is drawn.
#[track_caller]
fn check_distribution(drawn: Tensor, mean: f64, variance: f64, probability_below: impl Fn(f64) -> f64) {
    let mut values = drawn.array().unwrap_or_else(|error| panic!("{error}")).to_f64_vec();
    let count = values.len() as f64;
    let found = values.iter().sum::<f64>() / count;
    let spread = values.iter().map(|x| (x - found).powi(2)).sum::<f64>() / count;
    let tolerance = 4.0 * (variance / count).sqrt();
    assert!((found - mean).abs() < tolerance, "mean {found}, expected {mean} ± {tolerance}");
    assert!((spread / variance - 1.0).abs() < 0.03, "variance {spread}, expected {variance}");
    values.sort_by(f64::total_cmp);
    // The distance of Kolmogorov and Smirnov; it is above 1.95 / √n with probability 0.001.
    let distance = values.iter().enumerate().fold(0.0f64, |distance, (place, &x)| {
        let expected = probability_below(x);
        let (below, upto) = (place as f64 / count, (place + 1) as f64 / count);
        distance.max((expected - below).abs()).max((expected - upto).abs())
    });
    assert!(distance * count.sqrt() < 1.95, "distance {distance}");
}

/// The distribution function of the normal distribution.
fn normal_below(x: f64) -> f64 {
    0.5 * tensor(-x / 2f64.sqrt()).erfc().item::<f64>().unwrap()
}

#[test]
fn distributions_of_floats() {
    let euler = 0.577_215_664_901_532_9;
    for dtype in [DType::F32, DType::F64] {
        check_distribution(uniform_of(dtype, [COUNT], Seed(1)), 0.5, 1.0 / 12.0, |x| x);
        check_distribution(uniform_in([COUNT], full(-3.0, ()).to(dtype), 5, Seed(2)), 1.0, 16.0 / 3.0, |x| {
            (x + 3.0) / 8.0
        });
        check_distribution(exponential_of(dtype, [COUNT], Seed(3)), 1.0, 1.0, |x| 1.0 - (-x).exp());
        let variance = std::f64::consts::PI.powi(2) / 6.0;
        check_distribution(gumbel_of(dtype, [COUNT], Seed(4)), euler, variance, |x| (-(-x).exp()).exp());
        check_distribution(normal_of(dtype, [300, 100], Seed(5)), 0.0, 1.0, normal_below);
        let within = 0.954_499_736_103_641_6;
        let below = |x: f64| (normal_below(x) - (1.0 - within) / 2.0) / within;
        check_distribution(truncated_normal_of(dtype, [30_000], Seed(6)), 0.0, 0.773_741_4, below);
    }
}

/// All numbers are within bounds, and come near both.
#[track_caller]
fn check_range(drawn: Tensor, from: f64, to: f64) {
    let values = drawn.array().unwrap_or_else(|error| panic!("{error}")).to_f64_vec();
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    assert!(values.iter().all(|x| x.is_finite()));
    let near = 0.01 * (to - from);
    assert!((from..from + near).contains(&low) && high <= to && high > to - near, "{low} to {high}");
}

#[test]
fn ranges() {
    for (dtype, unit) in [(DType::F16, 11), (DType::BF16, 8), (DType::F32, 24), (DType::F64, 53)] {
        let step = 2f64.powi(-unit);
        let drawn = uniform_of(dtype, [COUNT], Seed(1));
        check_range(drawn.clone(), 0.0, 1.0 - step);
        let multiples = drawn.array().unwrap().to_f64_vec();
        assert!(multiples.iter().all(|x| (x / step).fract() == 0.0));
        check_range(truncated_normal_of(dtype, [COUNT], Seed(2)), -2.0, 2.0);
        // No float lies between the bounds, or few.
        let [one, below_two] = [1.0, 2.0 - 2.0 * step].map(|x| full(x, ()).to(dtype));
        check_range(uniform_in([COUNT], &one, 2, Seed(3)), 1.0, 2.0 - 2.0 * step);
        let last = uniform_in([1000], &below_two, 2, Seed(4)).array().unwrap().to_f64_vec();
        assert!(last.iter().all(|&x| x == 2.0 - 2.0 * step));
        let none = uniform_in([10], &one, &one, Seed(5)).array().unwrap().to_f64_vec();
        assert!(none.iter().all(|&x| x == 1.0));
    }
    check_range(uniform_in([COUNT], i8::MIN, i8::MAX, Seed(6)), -128.0, 126.0);
    check_range(uniform_in([COUNT], i32::MIN, i32::MAX, Seed(6)), i32::MIN.into(), i32::MAX.into());
    check_range(uniform_in([COUNT], i64::MIN, i64::MAX, Seed(7)), i64::MIN as f64, i64::MAX as f64);
    check_range(uniform_in([COUNT], 0u64, u64::MAX, Seed(8)), 0.0, u64::MAX as f64);
}

/// Each of `n` numbers is drawn about as often as its probability says.
#[track_caller]
fn check_counts(drawn: Tensor, probabilities: &[f64]) {
    let values = drawn.array().unwrap_or_else(|error| panic!("{error}")).to_f64_vec();
    let mut deviation = 0.0;
    for (number, probability) in probabilities.iter().enumerate() {
        let expected = probability * values.len() as f64;
        let found = values.iter().filter(|&&x| x == number as f64).count() as f64;
        assert!(expected > 0.0 || found == 0.0, "{number} is drawn");
        deviation += if expected > 0.0 { (found - expected).powi(2) / expected } else { 0.0 };
    }
    // Pearson's test: a mean of n − 1, and a variance of twice that.
    let freedom = probabilities.len() as f64 - 1.0;
    assert!(deviation < freedom + 4.0 * (2.0 * freedom).sqrt(), "{deviation} of {freedom}");
}

#[test]
fn integers_and_choices() {
    let sixth = [1.0 / 6.0; 6];
    check_counts(uniform_in([COUNT], 0, 6, Seed(1)), &sixth);
    check_counts(uniform_in([COUNT], 0i64, 6, Seed(2)), &sixth);
    check_counts(uniform_in([COUNT], 0u8, 6, Seed(3)), &sixth);
    // 3 · 2⁶²: words alone would give every third number twice as often.
    let wide = uniform_in([COUNT], 0u64, (1u64 << 63) + (1 << 62), Seed(4));
    check_counts((&wide >> 62u64).to(DType::I32), &[1.0 / 3.0; 3]);
    check_counts(wide % 3u64, &[1.0 / 3.0; 3]);
    for probability in [0.0, 1e-3, 0.3, 0.999, 1.0] {
        let drawn = bernoulli([COUNT], probability, Seed(5)).to(DType::I32);
        check_counts(drawn, &[1.0 - probability, probability]);
    }
    let rows = bernoulli([COUNT, 2], tensor([0.0f32, 1.5]), Seed(6)).to(DType::I64).sum(0);
    assert_eq!(rows.to_vec::<i64>().unwrap(), [0, COUNT as i64]);
    let probabilities = [0.125, 0.5, 0.0, 0.375];
    for dtype in [DType::F32, DType::F64, DType::F16] {
        let logits = tensor(probabilities).to(dtype).log();
        check_counts(categorical([COUNT], &logits, Seed(7)), &probabilities);
        let batch = stack([&logits, &logits], 0);
        check_counts(categorical([500, 2], batch, Seed(8)), &probabilities);
    }
}

#[test]
fn orders() -> Result<()> {
    let order = permutation(1000, Seed(1));
    assert_ne!(order.to_vec::<i64>()?, Vec::from_iter(0..1000));
    assert_eq!(order.sort(0).to_vec::<i64>()?, Vec::from_iter(0..1000));
    // Each of the six orders of three comes as often.
    let number = |seed| {
        let order = permutation(3, Seed(seed)).to_vec::<i64>()?;
        Ok(order[0] * 2 + i64::from(order[1] > order[2]))
    };
    let numbers = (0..3000).map(number).collect::<Result<Vec<i64>>>()?;
    check_counts(tensor(numbers), &[1.0 / 6.0; 6]);
    let table = iota(DType::I32, [5, 4], 0);
    let (rows, columns) = (shuffle(&table, 0, Seed(2)), shuffle(table.t(), -1, Seed(2)));
    assert_eq!(rows.sort(0).to_vec::<i32>()?, table.to_vec::<i32>()?);
    assert_eq!(rows.to_vec::<i32>()?, columns.t().to_vec::<i32>()?);
    assert_eq!(shuffle(zeros(DType::F32, [0, 3]), 0, Seed(3)).shape(), [0, 3]);
    Ok(())
}

/// The numbers of two keys have nothing to do with one another.
#[track_caller]
fn check_independent(x: &Key, y: &Key) {
    let [x, y] = [x, y].map(|key| normal_of(DType::F64, [COUNT], key));
    for shift in [0, 1, 2] {
        let product = x.slice(between(0, COUNT as i64 - shift)) * y.slice(between(shift, COUNT as i64));
        let correlation = product.mean(..).item::<f64>().unwrap();
        assert!(correlation.abs() * (COUNT as f64).sqrt() < 4.0, "{correlation}");
    }
}

#[test]
fn derived_keys_are_independent() -> Result<()> {
    let key = Key::new(1);
    let [a, b] = key.split_array();
    let folded = [key.fold_in(0), key.fold_in(1), key.fold_in(1u64 << 32)];
    let keys = [&key, &a, &b, &folded[0], &folded[1], &folded[2], &Key::new(2)];
    for (place, x) in keys.iter().enumerate() {
        keys[place + 1..].iter().for_each(|y| check_independent(x, y));
    }
    // More keys begin with the same ones, and all ways to make them agree.
    let data = |key: &Key| key.data().to_vec::<u64>();
    let many = key.split(5);
    assert_eq!((data(&many[0])?, data(&many[1])?), (data(&a)?, data(&b)?));
    assert_eq!(data(&key.fold_in(-1))?, data(&key.fold_in(tensor(u64::MAX)))?);
    assert_eq!(data(&key.fold_in(7u8))?, data(&key.fold_in(Dim::from(7)))?);
    assert!(key.split(0).is_empty());
    let distinct = |keys: Vec<Key>| {
        let mut all = keys.iter().map(data).collect::<Result<Vec<_>>>()?;
        all.sort();
        all.dedup();
        Ok::<usize, Error>(all.len())
    };
    assert_eq!(distinct(key.split(2000))?, 2000);
    assert_eq!(distinct((0..2000).map(|step| key.fold_in(step)).collect())?, 2000);
    Ok(())
}

#[test]
fn keys_go_through_traced_functions() -> Result<()> {
    let step = function(|key: Key, number: Tensor| {
        let [next, used] = key.split_array();
        (next, normal([3], used.fold_in(number)))
    });
    let (next, drawn) = step.call((Key::new(1), tensor(5)))?;
    let [expected, used] = Key::new(1).split_array();
    assert_eq!(next.data().to_vec::<u64>()?, expected.data().to_vec::<u64>()?);
    assert_eq!(drawn.to_vec::<f32>()?, normal([3], used.fold_in(5)).to_vec::<f32>()?);
    step.call((next, tensor(6)))?;
    assert_eq!(step.tracing_count(), 1);
    Ok(())
}

#[test]
fn a_generator_gives_each_key_once() -> Result<()> {
    let generator = Generator::new(1);
    let data = |key: Key| key.data().to_vec::<u64>();
    let at_once = (0..4).map(|_| data(generator.key())).collect::<Result<Vec<_>>>()?;
    generator.reset(1)?;
    let two = function(|| (generator.key(), generator.key()));
    let traced = (0..2).map(|_| two.call(())).collect::<Result<Vec<_>>>()?;
    let traced = traced.into_iter().flat_map(|(x, y)| [data(x), data(y)]).collect::<Result<Vec<_>>>()?;
    assert_eq!(traced, at_once);
    assert_eq!(two.tracing_count(), 1);
    let mut keys = std::thread::scope(|scope| {
        let draw = || (0..100).map(|_| data(generator.key())).collect::<Result<Vec<_>>>();
        let threads = [scope.spawn(draw), scope.spawn(draw), scope.spawn(draw)];
        threads.map(|thread| thread.join().expect("no thread panics")).into_iter().collect::<Result<Vec<_>>>()
    })?
    .concat();
    keys.extend(at_once);
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 304);
    Ok(())
}

#[test]
fn mistakes() {
    #[track_caller]
    fn fails(result: Tensor, expected: &str) {
        check_error(result.array().map(|_| ()), file!(), expected);
    }
    fails(bernoulli([2], -0.5, Seed(1)), "bernoulli: a probability is from 0 to 1, which -0.5 is not");
    fails(bernoulli([2], f64::NAN, Seed(1)), "bernoulli: a probability is from 0 to 1, which NaN is not");
    fails(bernoulli([2], tensor([1]), Seed(1)), "bernoulli: takes floats, not i32[1]; use .to(DType::F32) on it");
    fails(normal_of(DType::I32, [2], Seed(1)), "normal: gives floats, not i32");
    fails(bits(DType::F32, [2], Seed(1)), "bits: gives integers, not f32");
    fails(normal([-3], Seed(1)), "normal: size -3 is negative");
    fails(uniform_in([2], 3, 3, Seed(1)), "uniform_in: there is nothing from 3 up to 3");
    fails(uniform_in([2], 0.5, 0.25, Seed(1)), "uniform_in: there is nothing from 0.5 up to 0.25");
    fails(uniform_in([2], tensor([0.0; 3]), 1, Seed(1)), "uniform_in: f64[3] does not broadcast to f64[2] at axis 0");
    fails(
        uniform_in([2], tensor(0), tensor(1i64), Seed(1)),
        "uniform_in: dtypes differ: low i32[], high i64[]; use .to(dtype) on one",
    );
    fails(uniform_in([2], false, true, Seed(1)), "uniform_in: takes numbers, not bool[]");
    fails(categorical([2], tensor(1.0), Seed(1)), "categorical: takes logits with an axis, not f64[]");
    fails(categorical([2], zeros(DType::F32, [0]), Seed(1)), "categorical: there is no class to choose in f32[0]");
    fails(shuffle(tensor([1, 2]), 1, Seed(1)), "shuffle: axis 1 is out of range for i32[2]");
    fails(normal([2], Key::from_data(tensor([1]))), "normal: takes a key u64[2], not i32[1]");
    let key = Key::new(1).fold_in(0.5);
    fails(normal([2], &key), "fold_in: takes an integer, not f64[]");
    fails(normal([2], key.split(2).remove(1)), "fold_in: takes an integer, not f64[]");
    fails(normal([2], Key::new(1).fold_in(tensor([1]))), "fold_in: takes a number of rank 0, not i32[1]");
    let traced = function(|x: Tensor| x + bernoulli([2], 2.0, Seed(1)).to(DType::F32));
    check_error(
        traced.call(tensor([0.0f32])).map(|_| ()),
        file!(),
        "bernoulli: a probability is from 0 to 1, which 2 is not",
    );
}
