//! The user's apps: calendar, reminders, timers, clock, calculator, notes.
pub mod time;
