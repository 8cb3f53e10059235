use super::*;
use crate::testing::{Home, write_file};
use crate::{apply_all, revert_all};
use serde_json::json;

#[test]
fn a_timer_survives_a_restart_and_rings_until_it_is_acknowledged() {
    let home = Home::new();
    let change = home.act("set_timer", &json!({"duration": "10 minutes"}));
    assert_eq!(change.effect, "Starts a timer of 10 min, until 10:25.");
    assert_eq!(home.answer("list_timers", &json!({})), "timer of 10 min: 10 min left, rings at 10:25");
    assert_eq!(due_timers(&home.world).unwrap(), []);

    let home = home.at("2026-03-11T10:25:00+01:00[Europe/Paris]");
    let ring = due_timers(&home.world).unwrap().remove(0);
    assert_eq!((ring.missed, ring.text.as_str()), (false, "It is 10:25: timer of 10 min."));
    assert_eq!(due_timers(&home.world).unwrap().len(), 1, "not acknowledged yet");
    ring.acknowledgement.apply().unwrap();
    assert_eq!(due_timers(&home.world).unwrap(), []);
}

#[test]
fn what_was_missed_while_the_machine_was_off_is_told_once() {
    let home = Home::new();
    home.act("set_alarm", &json!({"when": "every weekday at 7"}));
    assert_eq!(home.answer("list_timers", &json!({})), "alarm: every weekday at 07:00");
    // Thursday's and Friday's rings were missed, and the clocks changed since.
    let home = home.at("2026-03-29T12:00:00+02:00[Europe/Paris]");
    let rings = due_timers(&home.world).unwrap();
    assert_eq!(rings.len(), 1);
    assert!(rings[0].missed && rings[0].text.starts_with("Missed: alarm (Thursday 12 March"), "{}", rings[0].text);
    rings[0].acknowledgement.apply().unwrap();
    assert_eq!(due_timers(&home.world).unwrap(), []);
}

#[test]
fn timers_and_alarms_are_cancelled_by_what_tells_them_apart() {
    let home = Home::new();
    for duration in ["10 minutes", "1 hour"] {
        home.act("set_timer", &json!({"duration": duration}));
    }
    home.act("set_alarm", &json!({"when": "tomorrow at 7 am"}));
    assert_eq!(home.choices("cancel_timer", &json!({"which": "the timer"})).len(), 2);
    assert_eq!(home.choices("cancel_timer", &json!({})).len(), 3);
    let change = home.act("cancel_timer", &json!({"which": "the 10 minute timer"}));
    assert!(change.done.starts_with("Cancelled timer of 10 min"), "{}", change.done);
    assert!(home.answer("cancel_timer", &json!({"which": "5 minute timer"})).contains("The nearest: timer of 1 h"));
    assert!(home.act("cancel_timer", &json!({"which": "7 o'clock alarm"})).done.contains("alarm"));
    home.act("set_timer", &json!({"duration": "2 hours"}));
    assert_eq!(home.act("cancel_timer", &json!({"which": "all timers"})).files.len(), 2);
    assert_eq!(home.answer("list_timers", &json!({})), "No timers or alarms.");
}

#[test]
fn a_file_of_somebody_else_is_named_and_kept() {
    let home = Home::new();
    let path = write_file(&home.world.folders.timers, "odd.json", "{}");
    assert!(home.answer("list_timers", &json!({})).contains("odd.json"));
    assert!(path.exists());
}

#[test]
fn an_alarm_needs_an_hour() {
    let error = Home::new().try_plan("set_alarm", &json!({"when": "tomorrow"})).unwrap_err();
    assert!(error.to_string().contains("At what time"), "{error}");
}

#[test]
fn a_timer_gets_more_time_or_less() {
    let mut home = Home::new();
    home.act("set_timer", &json!({"duration": "10 minutes"}));
    home.act("set_alarm", &json!({"when": "tomorrow at 7 am"}));
    let list = |home: &Home| home.answer("list_timers", &json!({})).lines().next().unwrap().to_owned();
    for (duration, expected) in [
        ("5 minutes", "timer of 15 min: 15 min left, rings at 10:30"),
        ("by 5 minutes", "timer of 20 min: 20 min left, rings at 10:35"),
        ("2 minutes less", "timer of 18 min: 18 min left, rings at 10:33"),
        ("une minute de plus", "timer of 19 min: 19 min left, rings at 10:34"),
    ] {
        let before = list(&home);
        let change = home.act("extend_timer", &json!({"duration": duration}));
        assert_eq!(list(&home), expected, "{duration}");
        revert_all(&change.files).unwrap();
        assert_eq!(list(&home), before, "{duration}");
        apply_all(&change.files).unwrap();
    }
    let refusal = home.try_plan("extend_timer", &json!({"duration": "an hour less"})).unwrap_err().to_string();
    assert!(refusal.contains("Less time is left"), "{refusal}");
    assert!(home.try_plan("extend_timer", &json!({"duration": "blorp"})).unwrap_err().to_string().contains("blorp"));
    home.world.language = reinette_time::Language::French;
    let change = home.act("extend_timer", &json!({"duration": "encore 5 minutes"}));
    assert_eq!(change.done, "Le minuteur de 19 min a 5 min de plus ; il sonne à 10:39.");
    assert_eq!(change.data["changed"][0]["duration_seconds"], 24 * 60);
}

#[test]
fn a_timer_that_rings_runs_again_for_what_it_gets() {
    let home = Home::new();
    for duration in ["10 minutes", "1 hour"] {
        home.act("set_timer", &json!({"duration": duration}));
    }
    assert_eq!(home.choices("extend_timer", &json!({"duration": "5 minutes"})).len(), 2);
    let home = home.at("2026-03-11T10:27:00+01:00[Europe/Paris]");
    assert_eq!(due_timers(&home.world).unwrap().len(), 1);
    let change = home.act("extend_timer", &json!({"duration": "5 minutes", "which": "the ten minute timer"}));
    assert_eq!(change.effect, "Gives the timer of 10 min 5 min more: it rings at 10:32.");
    assert_eq!(due_timers(&home.world).unwrap(), []);
}

#[test]
fn an_alarm_rings_at_another_time() {
    let list = |home: &Home| home.answer("list_timers", &json!({}));
    for (set, when, expected) in [
        ("tomorrow at 7 am", "6:40", "alarm: tomorrow, Thursday 12 March at 06:40"),
        ("tomorrow at 7 am", "half an hour earlier", "alarm: tomorrow, Thursday 12 March at 06:30"),
        ("tomorrow at 7 am", "on Friday", "alarm: Friday 13 March at 07:00"),
        ("tomorrow at 7 am", "Friday at 8am", "alarm: Friday 13 March at 08:00"),
        ("today at 7 pm", "to 8", "alarm: today, Wednesday 11 March at 20:00"),
        ("today at 7 pm", "at 9am", "alarm: tomorrow, Thursday 12 March at 09:00"),
        ("every weekday at 7", "6:30", "alarm: every weekday at 06:30"),
        ("tomorrow at 7 am", "every day at 8", "alarm: every day at 08:00"),
    ] {
        let home = Home::new();
        home.act("set_timer", &json!({"duration": "20 hours"}));
        home.act("cancel_timer", &json!({"which": "all timers"}));
        home.act("set_alarm", &json!({"when": set}));
        let before = list(&home);
        let change = home.act("move_alarm", &json!({"when": when}));
        assert_eq!(list(&home), expected, "{set} {when}");
        revert_all(&change.files).unwrap();
        assert_eq!(list(&home), before, "{set} {when}");
    }
    let mut home = Home::new();
    home.act("set_timer", &json!({"duration": "10 minutes"}));
    assert_eq!(home.answer("move_alarm", &json!({"when": "8"})), "There is no “alarm”.");
    home.act("set_alarm", &json!({"when": "every weekday at 7"}));
    let refusal = home.try_plan("move_alarm", &json!({"when": "on Saturday"})).unwrap_err().to_string();
    assert!(refusal.starts_with("This alarm repeats; say only its new time"), "{refusal}");
    home.act("set_alarm", &json!({"when": "tomorrow at 9 am"}));
    assert_eq!(home.choices("move_alarm", &json!({"when": "8"})).len(), 2);
    home.world.language = reinette_time::Language::French;
    let change = home.act("move_alarm", &json!({"which": "l’alarme de 9h", "when": "8h30"}));
    assert_eq!(change.done, "Alarme déplacée : demain, jeudi 12 mars à 08:30.");
    assert!(change.data["changed"][0]["moved_from"].as_str().unwrap().starts_with("2026-03-12T09:00"));
}

#[test]
fn other_words_beside_a_duration_are_the_label_of_a_timer() {
    let home = Home::new();
    for (said, effect) in [
        ("12 min for the rice", "Starts a timer of 12 min (rice), until 10:27."),
        ("minuteur de 4 minutes pour le thé", "Starts a timer of 4 min (thé), until 10:19."),
        ("pasta timer 9 minutes", "Starts a timer of 9 min (pasta), until 10:24."),
        ("set a timer for 5 minutes please", "Starts a timer of 5 min, until 10:20."),
        ("7", "Starts a timer of 7 min, until 10:22."),
    ] {
        assert_eq!(home.act("set_timer", &json!({"duration": said})).effect, effect, "{said}");
    }
    for said in ["blorp", "5 minutes no 6 minutes", "half an hour before the dentist", "a"] {
        assert!(home.try_plan("set_timer", &json!({"duration": said})).is_err(), "{said}");
    }
    for (which, expected) in
        [("rice timer", "(rice)"), ("the pasta one", "(pasta)"), ("7 minute one", "7 min"), ("timer of 5 min", "5 min")]
    {
        let change = home.act("cancel_timer", &json!({"which": which}));
        assert!(change.done.contains(expected) && change.files.len() == 1, "{which}: {}", change.done);
    }
}

#[test]
fn the_only_timer_is_meant_by_words_without_a_number() {
    let home = Home::new();
    home.act("set_timer", &json!({"duration": "10 minutes"}));
    for which in ["rice timer", "it", "the egg one"] {
        assert!(matches!(home.plan("cancel_timer", &json!({"which": which})), Plan::Change(_)), "{which}");
    }
    assert!(home.answer("cancel_timer", &json!({"which": "the 12 minute one"})).starts_with("There is no"));
    home.act("set_alarm", &json!({"when": "tomorrow at 7 am"}));
    assert!(home.act("cancel_timer", &json!({"which": "7am alarm"})).done.contains("alarm"));
}

#[test]
fn a_bare_number_gives_a_timer_minutes() {
    for (said, length) in [("2 more minutes", "2 min"), ("another ten", "10 min"), ("5 more", "5 min"), ("5", "5 min")]
    {
        let home = Home::new();
        home.act("set_timer", &json!({"duration": "10 minutes"}));
        let change = home.act("extend_timer", &json!({"duration": said}));
        assert!(change.effect.contains(&format!("{length} more")), "{said}: {}", change.effect);
    }
}
