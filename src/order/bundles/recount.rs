//! For tests: level steps counted one by one, by nothing but the definition.

/// A level of each row, where there is one.
pub type Levels = Vec<Option<i16>>;

/// Level steps from given levels through columns, each a level of every row, and on to given levels; none where a level is not given.
pub fn between<'a>(columns: impl Iterator<Item = &'a Vec<i16>>, start: &Levels, end: &Levels) -> u64 {
    let (mut at, mut sum) = (start.clone(), 0);
    let columns = columns.map(|column| column.iter().map(|&level| Some(level)).collect()).chain([end.clone()]);
    for column in columns.collect::<Vec<Levels>>() {
        for (at, level) in at.iter_mut().zip(column) {
            sum += at.zip(level).map_or(0, |(at, level)| u64::from(at.abs_diff(level)));
            *at = level.or(*at);
        }
    }
    sum
}
