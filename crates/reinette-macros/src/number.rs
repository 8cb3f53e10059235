//! Literal numbers and intervals of guides.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, ExprUnary, Lit, RangeLimits, Result, UnOp};

/// A literal number and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number {
    pub(crate) value: NumberValue,
    pub(crate) span: Span,
}

/// What a literal number says.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum NumberValue {
    Integer(i64),
    Float(f64),
}

impl Number {
    /// Reads `5`, `-5`, `0.5` or `-0.5`.
    pub(crate) fn from_expression(expression: &Expr) -> Result<Self> {
        let span = expression.span();
        let value = match expression {
            Expr::Lit(ExprLit { lit, .. }) => Self::literal(lit)?,
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match Self::from_expression(expr)?.value {
                NumberValue::Integer(value) => NumberValue::Integer(-value),
                NumberValue::Float(value) => NumberValue::Float(-value),
            },
            _ => return Err(Error::new(span, "write a literal number, as in `minimum = 1`")),
        };
        Ok(Self { value, span })
    }

    fn literal(literal: &Lit) -> Result<NumberValue> {
        match literal {
            Lit::Int(digits) => digits.base10_parse().map(NumberValue::Integer),
            Lit::Float(digits) => digits.base10_parse().map(NumberValue::Float),
            other => Err(Error::new(other.span(), "write a literal number, as in `minimum = 1`")),
        }
    }
}

impl NumberValue {
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl ToTokens for NumberValue {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Integer(value) => value.to_tokens(tokens),
            Self::Float(value) => value.to_tokens(tokens),
        }
    }
}

impl ToTokens for Number {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.value.to_tokens(tokens);
    }
}

/// The two ends of a range, as written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    pub(crate) start: Option<Number>,
    pub(crate) end: Option<Number>,
    pub(crate) end_is_excluded: bool,
}

impl Ends {
    /// Reads `1..=5`, `1..5`, `1..`, `..=5` or `..5`.
    pub(crate) fn from_expression(expression: &Expr) -> Result<Self> {
        let Expr::Range(range) = expression else {
            return Err(Error::new(expression.span(), "write a range, as in `1..=5`"));
        };
        let number = |end: &Option<Box<Expr>>| end.as_deref().map(Number::from_expression).transpose();
        let ends = Self {
            start: number(&range.start)?,
            end: number(&range.end)?,
            end_is_excluded: matches!(range.limits, RangeLimits::HalfOpen(_)) && range.end.is_some(),
        };
        if ends.start.is_none() && ends.end.is_none() {
            return Err(Error::new(expression.span(), "the range `..` has no ends: leave the guide out"));
        }
        Ok(ends)
    }
}

/// How many: characters of a string or elements of a list, both ends included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval {
    pub(crate) minimum: Option<i64>,
    pub(crate) maximum: Option<i64>,
}

impl Interval {
    /// Reads a range or one number.
    pub(crate) fn from_expression(expression: &Expr) -> Result<Self> {
        let interval = if matches!(expression, Expr::Range(_)) {
            let ends = Ends::from_expression(expression)?;
            let maximum = ends.end.map(whole).transpose()?;
            Self {
                minimum: ends.start.map(whole).transpose()?,
                maximum: maximum.map(|maximum| if ends.end_is_excluded { maximum - 1 } else { maximum }),
            }
        } else {
            let exactly = Some(whole(Number::from_expression(expression)?)?);
            Self { minimum: exactly, maximum: exactly }
        };
        match interval {
            Self { minimum: Some(minimum), maximum: Some(maximum) } if minimum > maximum => {
                Err(Error::new(expression.span(), format!("no number is at least {minimum} and at most {maximum}")))
            }
            Self { maximum: Some(maximum), .. } if maximum < 0 => {
                Err(Error::new(expression.span(), "nothing has fewer than 0"))
            }
            _ => Ok(interval),
        }
    }
}

fn whole(number: Number) -> Result<i64> {
    match number.value {
        NumberValue::Integer(value) if value >= 0 => Ok(value),
        _ => Err(Error::new(number.span, "write a whole number that is not negative")),
    }
}
