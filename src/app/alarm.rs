//! The alarm: settings to channels that can be used.

use std::{collections::HashMap, sync::Arc};

use jiff::tz::TimeZone;

use crate::{
    alerts::{Alarm, Watched, channel::Line},
    clock::Clock,
    config::{Practice, Settings, alerts::Alerts},
    ids::PracticeName,
    store::Store,
};

/// What the alarm knows of every practice that has one. Nothing is connected.
///
/// # Errors
/// With the sentence to show: which channel, and which of its secrets, certificates or addresses cannot
/// be used.
pub fn watched(settings: &Settings) -> Result<HashMap<PracticeName, Watched>, String> {
    let mut all = HashMap::new();
    for practice in &settings.practices {
        if let Some(alerts) = &practice.alerts {
            let watched = watch(settings, practice, alerts)?;
            all.insert(practice.name.clone(), watched);
        }
    }
    Ok(all)
}

/// The alarm of these settings; `None` where nobody is to be told.
///
/// # Errors
/// As [`watched`].
pub fn alarm(
    settings: &Settings,
    store: &Store,
    clock: Arc<dyn Clock>,
) -> Result<Option<Alarm>, String> {
    let watched = watched(settings)?;
    // Checked when the settings were read.
    let public_url = settings.console.url.clone().unwrap_or_default();
    let alarm = || Alarm::new(store.clone(), clock, watched, public_url);
    let has_any = settings
        .practices
        .iter()
        .any(|practice| practice.alerts.is_some());
    Ok(has_any.then(alarm))
}

fn watch(settings: &Settings, practice: &Practice, alerts: &Alerts) -> Result<Watched, String> {
    let public_url = settings.console.url.as_deref().unwrap_or_default();
    let mut lines = HashMap::new();
    for channel in &alerts.channels {
        let line = Line::new(channel, &settings.base_dir, public_url).map_err(|problem| {
            format!(
                "practice `{}`, alert channel `{}`: {problem}",
                practice.name, channel.name
            )
        })?;
        lines.insert(channel.name.clone(), line);
    }
    let systems = practice.systems.iter().map(|system| {
        let called = (system.title.clone(), system.owner.clone());
        (system.name.clone(), called)
    });
    Ok(Watched {
        name: practice.name.clone(),
        title: practice.title.clone(),
        // Checked when the settings were read.
        zone: TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC),
        systems: systems.collect(),
        silent_after: practice.silent_after(),
        alerts: alerts.clone(),
        lines,
    })
}
