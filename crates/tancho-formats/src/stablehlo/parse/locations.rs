//! Locations: `loc(…)` and the aliases `#loc1 = loc(…)`, which may stand at the end of the file.

use super::super::lexer::Kind;
use super::super::syntax::{Location, LocationId};
use super::{Parsed, Parser};

impl<'a> Parser<'a> {
    /// `loc(…)`, where there is one.
    pub(super) fn parse_optional_location(&mut self) -> Parsed<Option<LocationId>> {
        if self.at("loc") { Ok(Some(self.parse_location()?)) } else { Ok(None) }
    }

    pub(super) fn parse_location(&mut self) -> Parsed<LocationId> {
        self.expect("loc")?;
        self.expect("(")?;
        let location = self.nested(Self::parse_location_inside)?;
        self.expect(")")?;
        Ok(location)
    }

    /// Defines `#name = loc(…)`; what used the name before now has its location.
    pub(super) fn define_location(&mut self, name: &'a str) -> Parsed<()> {
        let slot = self.location_alias(name);
        let location = self.parse_location()?;
        self.locations[slot.0 as usize] = Location::Fused(vec![location]);
        Ok(())
    }

    /// The location of an alias. It is unknown until (and unless) the alias is defined.
    pub(super) fn location_alias(&mut self, name: &'a str) -> LocationId {
        let next = LocationId(self.locations.len() as u32);
        let id = *self.location_aliases.entry(name).or_insert(next);
        if id == next {
            self.locations.push(Location::Unknown);
        }
        id
    }

    fn add_location(&mut self, location: Location) -> LocationId {
        let id = LocationId(self.locations.len() as u32);
        self.locations.push(location);
        id
    }

    fn parse_location_inside(&mut self) -> Parsed<LocationId> {
        match (self.token.kind, self.token.text) {
            (Kind::Hash, text) => {
                self.advance()?;
                Ok(self.location_alias(&text[1..]))
            }
            (Kind::String, _) => self.parse_named_location(),
            (_, "unknown") => {
                self.advance()?;
                Ok(self.add_location(Location::Unknown))
            }
            (_, "callsite") => {
                self.advance()?;
                self.expect("(")?;
                let callee = self.nested(Self::parse_location_inside)?;
                self.expect("at")?;
                let caller = self.nested(Self::parse_location_inside)?;
                self.expect(")")?;
                Ok(self.add_location(Location::CallSite { callee, caller }))
            }
            (_, "fused") => {
                self.advance()?;
                if self.at("<") {
                    self.skip_brackets()?;
                }
                self.expect("[")?;
                let mut parts = Vec::new();
                self.parse_list("]", |parser| {
                    parts.push(parser.nested(Self::parse_location_inside)?);
                    Ok(())
                })?;
                Ok(self.add_location(Location::Fused(parts)))
            }
            _ => Err(self.unexpected("a location")),
        }
    }

    /// `"file":12:3`, `"file":12:3 to 13:5`, `"name"`, `"name"(child)`.
    fn parse_named_location(&mut self) -> Parsed<LocationId> {
        let name = self.parse_string()?;
        if self.eat(":")? {
            let line = self.parse_line_number()?;
            self.expect(":")?;
            let column = self.parse_line_number()?;
            if self.eat("to")? {
                if self.token.kind == Kind::Integer {
                    self.parse_line_number()?;
                }
                self.expect(":")?;
                self.parse_line_number()?;
            }
            return Ok(self.add_location(Location::File { file: name, line, column }));
        }
        let mut child = None;
        if self.eat("(")? {
            child = Some(self.nested(Self::parse_location_inside)?);
            self.expect(")")?;
        }
        Ok(self.add_location(Location::Named { name, child }))
    }

    fn parse_line_number(&mut self) -> Parsed<u32> {
        let place = self.token.start;
        let value = self.parse_integer()?;
        u32::try_from(value).map_err(|_| self.error(place, "a number of 32 bits", value.to_string()))
    }
}
