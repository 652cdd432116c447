//! The logarithm of the gamma function, and its derivative.
//!
//! Of a magnitude `h` both are
//!
//! - for `h < 3`, a polynomial around 2, times what has their zeros in this range: 1 and 2, or 1.4616…; below 1 the argument is
//!   `h + 1`, by the recurrences `log Γ(h) = log Γ(h + 1) − log h` and `ψ(h) = ψ(h + 1) − 1/h`;
//! - for `h ≥ 3`, Stirling's formula, with a polynomial in `1/h²` for the rest of it.
//!
//! Below zero the reflections `log |Γ(−h)| = log π − log(h·|sin πh|) − log Γ(h)` and `ψ(−h) = ψ(h) + 1/h + π·cot πh` follow, with
//! the distance `r` of `h` from the nearest integer in the place of `h` in sine and cotangent. Between their poles the functions
//! have zeros, near which terms of the reflection cancel: there the errors are small beside these terms, not beside the result.
//!
//! f32: evaluated in f64, with shorter polynomials, and rounded once.

use tancho_ir::ops::Comparison;
use tancho_tensor::DType;

use super::logarithm::{LOG_F64, exponent_offset, log_parts, split, split_any};
use super::widened::{self, in_double};
use super::{fma_by_constant, fma_constant, polynomial, with_float};
use crate::kernel::body::{Binary, Body, Scalar, Unary};

/// What the expansions need for a dtype of the result; relative errors of the f32 ones are about 2⁻²⁹, of the f64 ones 2⁻⁵⁴.
struct Coefficients {
    /// `(log(1 + f) − f) / f²`.
    log: &'static [f64],
    /// `log Γ(2 + a) / (a·(a + 1))` for `|a| ≤ 1`.
    lgamma: &'static [f64],
    /// `h·(log Γ(h) − (h − ½)·log h + h − ½·log 2π)` by powers of `1/h²`, for `h ≥ 3`.
    stirling: &'static [f64],
    /// `sin(πr) / r` by powers of `r²`, for `|r| ≤ ½`.
    sine: &'static [f64],
    /// `ψ(2 + a) / (2 + a − ZERO)` for `|a| ≤ 1`.
    digamma: &'static [f64],
    /// `h²·(log h − 1/2h − ψ(h))` by powers of `1/h²`, for `h ≥ 3`.
    asymptote: &'static [f64],
    /// `(1 − πr·cot πr) / r²` by powers of `r²`, for `|r| ≤ ½`.
    cotangent: &'static [f64],
}

const SINGLE: Coefficients = Coefficients {
    log: widened::LOG,
    lgamma: &[
        0.4227843356594462,
        -0.1003173037933939,
        0.032964946743326284,
        -0.01238411456992974,
        0.004999482285204091,
        -0.00210894648026958,
        0.0009104979541962808,
        -0.00040196490385499014,
        0.00019581691219398037,
        -9.176539127928492e-5,
        2.02327190241546e-5,
        -7.255752244896411e-6,
        1.931471523055427e-5,
        -9.686296705978809e-6,
    ],
    stirling: &[0.08333316227997005, -0.0027698871039674067, 0.0006789740298840254],
    sine: &[
        3.141592653523354,
        -5.167712762136729,
        2.550163240737104,
        -0.5992513318803531,
        0.08204647826861974,
        -0.00702215443361506,
    ],
    digamma: &[
        0.7853075382676192,
        -0.26073898312724386,
        0.10899996416452398,
        -0.04954998997336511,
        0.023446261351202573,
        -0.011349411982822126,
        0.0055609045881740895,
        -0.0026891786925542856,
        0.0013239089888753483,
        -0.0007918410659005406,
        0.00040795946670256527,
        -2.8744224927345376e-5,
        4.590121749572491e-6,
        -0.00011874490434181209,
        6.21134976171864e-5,
    ],
    asymptote: &[0.08333327669167483, -0.00832876027449115, 0.003845230540832756, -0.0027334194475649386],
    cotangent: &[
        3.2898681043093694,
        2.164651931565815,
        2.03439051448964,
        2.0152954569717934,
        1.911448094564946,
        2.639447608465811,
        -0.46912859895908265,
        6.567789317453919,
    ],
};

const DOUBLE: Coefficients = Coefficients {
    log: &LOG_F64,
    lgamma: &[
        0.42278433509846713,
        -0.1003173016743539,
        0.03296500062115698,
        -0.01238419219337446,
        0.004998641164623023,
        -0.002108130833825272,
        0.0009153769241299162,
        -0.00040570740000545,
        0.00018255261434700458,
        -8.309509930058586e-5,
        3.816908378151692e-5,
        -1.7661859360837054e-5,
        8.22120287221853e-6,
        -3.84649883740467e-6,
        1.811483563436625e-6,
        -8.555233503015918e-7,
        3.9570740037876574e-7,
        -1.8605350118582155e-7,
        1.0446147734032194e-7,
        -5.214010537744904e-8,
        5.6712848419688776e-9,
        -6.96447836155206e-10,
        1.6337825697995013e-8,
        -9.003406272449104e-9,
        -4.362564063044711e-9,
        2.486660493185509e-9,
        1.5823873245452956e-9,
        -8.215717144058504e-10,
    ],
    stirling: &[
        0.0833333333333215,
        -0.002777777773395862,
        0.0007936501937433726,
        -0.000595195457288826,
        0.0008399314828008356,
        -0.0018670028377393852,
        0.005446184370451621,
        -0.016257371280248584,
        0.037170275475931616,
        -0.04368772172458599,
    ],
    sine: &[
        std::f64::consts::PI,
        -5.16771278004991,
        2.550164039872466,
        -0.5992645291705224,
        0.0821458843357298,
        -0.00737041216970041,
        0.0004662164462188135,
        -2.1705832100853955e-5,
        5.791441467540522e-7,
    ],
    digamma: &[
        0.7853075386041053,
        -0.26073895468300085,
        0.10899991701762683,
        -0.049551032917749226,
        0.023447309597687423,
        -0.011338432550153961,
        0.005552254172304057,
        -0.0027395729450265384,
        0.0013581421776041494,
        -0.0006753126886061012,
        0.00033643247853602315,
        -0.0001678198983631927,
        8.37791334262782e-5,
        -4.182446596263151e-5,
        2.0893584028181835e-5,
        -1.0510766143722487e-5,
        5.264115240176144e-6,
        -2.4758635720517256e-6,
        1.2199424140323595e-6,
        -8.610718713060552e-7,
        4.52082694553035e-7,
        6.090888381893068e-8,
        -4.8383475330412445e-8,
        -2.0257076221807764e-7,
        1.1102875040250152e-7,
        6.236889246171484e-8,
        -3.4302618575383655e-8,
        -1.911078623451287e-8,
        1.0000860106350525e-8,
    ],
    asymptote: &[
        0.0833333333333117,
        -0.008333333322854864,
        0.003968252125342084,
        -0.004166499560055159,
        0.00756666020876025,
        -0.02076870032111631,
        0.07532636212012606,
        -0.2990586489914488,
        1.0418517762773394,
        -2.5268083743249306,
        3.0008822613016455,
    ],
    cotangent: &[
        3.2898681336964533,
        2.1646464674219934,
        2.034686124025076,
        2.0081547073257964,
        2.00198940689378,
        2.0004840341609293,
        2.000295157722015,
        1.9974800879067196,
        2.026860191586813,
        1.7964152243352285,
        3.109160616978791,
        -2.270007469385003,
        13.172686096611313,
        -16.299815425426313,
        17.27941262668332,
    ],
};

/// `½·log 2π − ½` and `log π`.
const STIRLING_CONSTANT: f64 = 0.4189385332046727;
const LOG_PI: f64 = 1.1447298858494002;

/// 2 less the zero of ψ between 1 and 2, as a sum.
const TWO_LESS_ZERO: [f64; 2] = [0.5383678550316376, 1.5522348162858677e-17];

/// `log |Γ(x)|`; ∞ of zero, of the negative integers and of ±∞.
pub fn lgamma(body: &mut Body, x: Scalar) -> Scalar {
    if body.dtype(x) == DType::F32 {
        return in_double(body, x, |body, x| lgamma_of_double(body, x, &SINGLE));
    }
    lgamma_of_double(body, x, &DOUBLE)
}

/// The derivative of `log Γ(x)`; NaN of zero, of the negative integers and of −∞.
pub fn digamma(body: &mut Body, x: Scalar) -> Scalar {
    if body.dtype(x) == DType::F32 {
        return in_double(body, x, |body, x| digamma_of_double(body, x, &SINGLE));
    }
    digamma_of_double(body, x, &DOUBLE)
}

/// The parts of an argument.
struct Argument {
    /// `|x|`.
    h: Scalar,
    is_negative: Scalar,
    /// Whether `h < 1`.
    is_below_one: Scalar,
    /// Whether `h < 3`.
    is_below_three: Scalar,
    /// `h − 2`, below one `h − 1`.
    place: Scalar,
    /// `h` less the nearest integer.
    distance: Scalar,
    distance_square: Scalar,
}

fn split_argument(body: &mut Body, x: Scalar) -> Argument {
    let zero = body.float(0.0, DType::F64);
    let (one, three) = (body.float(1.0, DType::F64), body.float(3.0, DType::F64));
    let (minus_one, minus_two) = (body.float(-1.0, DType::F64), body.float(-2.0, DType::F64));
    let h = body.unary(Unary::Abs, x);
    let is_negative = body.compare(Comparison::Lt, x, zero);
    let is_below_one = body.compare(Comparison::Lt, h, one);
    let is_below_three = body.compare(Comparison::Lt, h, three);
    let offset = body.select(is_below_one, minus_one, minus_two);
    let place = body.add(h, offset);
    let nearest = body.unary(Unary::Nearest, h);
    let distance = body.subtract(h, nearest);
    let distance_square = body.multiply(distance, distance);
    Argument { h, is_negative, is_below_one, is_below_three, place, distance, distance_square }
}

fn lgamma_of_double(body: &mut Body, x: Scalar, coefficients: &Coefficients) -> Scalar {
    let argument = split_argument(body, x);
    let Argument { h, is_negative, is_below_one, is_below_three, place, .. } = argument;
    let (zero, one) = (body.float(0.0, DType::F64), body.float(1.0, DType::F64));
    let infinity = body.float(f64::INFINITY, DType::F64);

    let value = polynomial(body, place, coefficients.lgamma);
    let less_one = with_float(body, Binary::Subtract, h, 1.0);
    let next_place = body.select(is_below_one, h, less_one);
    let zeros = body.multiply(place, next_place);
    // The sum makes the zero at 1 a positive one.
    let small = fma_constant(body, zeros, value, 0.0);
    let large = stirling(body, h, coefficients);
    let of_magnitude = body.select(is_below_three, small, large);

    // The reflection's factor is left out below one, where log h cancels.
    let sine = polynomial(body, argument.distance_square, coefficients.sine);
    let distance = body.unary(Unary::Abs, argument.distance);
    let sine = body.multiply(distance, sine);
    let factor = body.select(is_below_one, one, h);
    let reflected = body.multiply(factor, sine);
    let unreflected = body.select(is_below_one, h, one);
    let divisor = body.select(is_negative, reflected, unreflected);
    // Next to zero the value is −log h; the product with π would lose bits of a subnormal number.
    let tiny = body.float(1e-300, DType::F64);
    let is_tiny = body.compare(Comparison::Lt, h, tiny);
    let divisor = body.select(is_tiny, h, divisor);
    let log_divisor = log(body, divisor, coefficients);
    let log_pi = body.float(LOG_PI, DType::F64);
    let complement = body.subtract(log_pi, of_magnitude);
    let sum = body.select(is_negative, complement, of_magnitude);
    let sum = body.select(is_tiny, zero, sum);
    let result = body.subtract(sum, log_divisor);

    let is_pole = body.compare(Comparison::Eq, divisor, zero);
    let result = body.select(is_pole, infinity, result);
    let is_infinite = body.compare(Comparison::Eq, h, infinity);
    body.select(is_infinite, infinity, result)
}

/// `log h` of a positive number that may be subnormal.
fn log(body: &mut Body, h: Scalar, coefficients: &Coefficients) -> Scalar {
    let (exponent, fraction) = split_any(body, h);
    let (head, tail) = log_parts(body, exponent, fraction, coefficients.log);
    body.add(head, tail)
}

/// `log h` of a normal number, as the sum of two, of which the first is near the result.
fn log_of_normal(body: &mut Body, h: Scalar, coefficients: &Coefficients) -> (Scalar, Scalar) {
    let offset = body.float(exponent_offset(DType::F64), DType::F64);
    let (exponent, fraction) = split(body, h, offset);
    log_parts(body, exponent, fraction, coefficients.log)
}

/// `(h − ½)·(log h − 1) + (½·log 2π − ½) + R(1/h²)/h`; the parts of the logarithm are kept apart, for near 3 most of it cancels.
fn stirling(body: &mut Body, h: Scalar, coefficients: &Coefficients) -> Scalar {
    let one = body.float(1.0, DType::F64);
    let inverse = body.divide(one, h);
    let square = body.multiply(inverse, inverse);
    let rest = polynomial(body, square, coefficients.stirling);
    let (head, tail) = log_of_normal(body, h, coefficients);
    let head = with_float(body, Binary::Subtract, head, 1.0);
    let log_less_one = body.add(head, tail);
    let factor = with_float(body, Binary::Subtract, h, 0.5);
    let constant = fma_constant(body, rest, inverse, STIRLING_CONSTANT);
    body.fma(factor, log_less_one, constant)
}

fn digamma_of_double(body: &mut Body, x: Scalar, coefficients: &Coefficients) -> Scalar {
    let argument = split_argument(body, x);
    let Argument { h, is_negative, is_below_one, is_below_three, place, distance, distance_square } = argument;
    let (zero, one) = (body.float(0.0, DType::F64), body.float(1.0, DType::F64));
    let infinity = body.float(f64::INFINITY, DType::F64);
    let nan = body.float(f64::NAN, DType::F64);

    let value = polynomial(body, place, coefficients.digamma);
    let from_zero = with_float(body, Binary::Add, place, TWO_LESS_ZERO[0]);
    let from_zero = with_float(body, Binary::Add, from_zero, TWO_LESS_ZERO[1]);
    let small = body.multiply(from_zero, value);

    let inverse = body.divide(one, h);
    let square = body.multiply(inverse, inverse);
    let rest = polynomial(body, square, coefficients.asymptote);
    let rest = body.multiply(rest, square);
    let rest = fma_by_constant(body, inverse, 0.5, rest);
    let (head, tail) = log_of_normal(body, h, coefficients);
    let tail = body.subtract(tail, rest);
    let large = body.add(head, tail);
    let of_magnitude = body.select(is_below_three, small, large);

    // The recurrence takes 1/h away below one, the reflection adds it; below one they cancel.
    let minus_inverse = body.unary(Unary::Negate, inverse);
    let recurrence = body.select(is_below_one, minus_inverse, zero);
    let pole = body.divide(one, distance);
    let smooth = polynomial(body, distance_square, coefficients.cotangent);
    let minus_distance = body.unary(Unary::Negate, distance);
    let cotangent = body.fma(minus_distance, smooth, pole);
    let above_one = body.add(inverse, cotangent);
    let reflection = body.select(is_below_one, cotangent, above_one);
    let addend = body.select(is_negative, reflection, recurrence);
    let result = body.add(of_magnitude, addend);

    // Of −∞ the distance is NaN.
    let is_integer = body.compare(Comparison::Eq, distance, zero);
    let of_negative = body.select(is_integer, nan, result);
    let result = body.select(is_negative, of_negative, result);
    let is_infinite = body.compare(Comparison::Eq, x, infinity);
    let result = body.select(is_infinite, infinity, result);
    let is_zero = body.compare(Comparison::Eq, x, zero);
    body.select(is_zero, nan, result)
}
