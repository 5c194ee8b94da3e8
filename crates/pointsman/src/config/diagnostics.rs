//! What is wrong with a configuration, and where: collected first, shown all at once.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use super::limits::DIAGNOSTICS_SHOWN_MAX;

/// One file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As the user named it.
    pub(crate) name: String,
    pub(crate) text: Arc<str>,
}

/// Index into the sources of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(usize);

impl SourceId {
    pub(crate) const CONFIG: SourceId = SourceId(0);
}

/// A range of bytes in one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) source: SourceId,
    pub(crate) span: Range<usize>,
}

/// Places are in the configuration file unless something else is said.
impl From<Range<usize>> for Place {
    fn from(span: Range<usize>) -> Self {
        Place {
            source: SourceId::CONFIG,
            span,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
}

#[derive(Clone, Debug)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    pub(crate) message: String,
    pub(crate) at: Place,
    /// What stands next to the carets.
    pub(crate) label: String,
    /// Other places that play a part in it.
    pub(crate) related: Vec<(Place, String)>,
    pub(crate) help: Option<String>,
    /// It says that something is not there. What a syntax error hides is not there either, so these are only worth
    /// showing for a file without one.
    pub(crate) absence: bool,
}

impl Diagnostic {
    pub(crate) fn error(at: impl Into<Place>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            at: at.into(),
            label: String::new(),
            related: Vec::new(),
            help: None,
            absence: false,
        }
    }

    pub(crate) fn warning(at: impl Into<Place>, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(at, message)
        }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn related(mut self, at: impl Into<Place>, label: impl Into<String>) -> Self {
        self.related.push((at.into(), label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn absence(mut self) -> Self {
        self.absence = true;
        self
    }
}

/// All that was found, with the texts it was found in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    sources: Vec<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(config: Source) -> Self {
        Report {
            sources: vec![config],
            diagnostics: Vec::new(),
        }
    }

    pub(crate) fn add_source(&mut self, source: Source) -> SourceId {
        self.sources.push(source);
        SourceId(self.sources.len() - 1)
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&Diagnostic) -> bool) {
        self.diagnostics.retain(keep);
    }

    pub(crate) fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    pub(crate) fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// Errors before warnings, each in the order of the files.
    pub(crate) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|diagnostic| {
            (
                diagnostic.severity == Severity::Warning,
                diagnostic.at.source.0,
                diagnostic.at.span.start,
            )
        });
    }

    /// The diagnostics for people, one after the other with a blank line between them.
    pub(crate) fn render(&self, renderer: &Renderer) -> String {
        let mut out = String::new();
        for diagnostic in self.diagnostics.iter().take(DIAGNOSTICS_SHOWN_MAX) {
            if !out.is_empty() {
                out.push_str("\n\n");
            }
            out.push_str(&self.render_one(renderer, diagnostic));
        }
        let more = self.diagnostics.len().saturating_sub(DIAGNOSTICS_SHOWN_MAX);
        if more > 0 {
            out.push_str(&format!("\n\n… and {more} more"));
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        // One snippet for each file that plays a part, the one with the carets first.
        let mut snippets: Vec<(SourceId, Vec<Note<'_>>)> = vec![(
            diagnostic.at.source,
            vec![(
                AnnotationKind::Primary,
                &diagnostic.at.span,
                diagnostic.label.as_str(),
            )],
        )];
        for (place, label) in &diagnostic.related {
            let annotation = (AnnotationKind::Context, &place.span, label.as_str());
            match snippets.iter_mut().find(|(id, _)| *id == place.source) {
                Some((_, annotations)) => annotations.push(annotation),
                None => snippets.push((place.source, vec![annotation])),
            }
        }
        let elements = snippets.iter().filter_map(|(id, annotations)| {
            let source = self.sources.get(id.0)?;
            let first = annotations.iter().map(|(_, span, _)| span.start).min()?;
            let last = annotations.iter().map(|(_, span, _)| span.end).max()?;
            // Only the lines that are shown: the renderer looks at all of what it gets, for each diagnostic again.
            let excerpt = Excerpt::around(&source.text, first..last);
            Some(
                Snippet::source(excerpt.text)
                    .line_start(excerpt.line)
                    .path(source.name.as_str())
                    .annotations(annotations.iter().map(|(kind, span, label)| {
                        kind.span(excerpt.within(span))
                            .label((!label.is_empty()).then_some(*label))
                    })),
            )
        });
        let mut group: Group<'_> = level
            .primary_title(diagnostic.message.as_str())
            .elements(elements);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    pub(crate) fn to_json(&self) -> Value {
        let place = |place: &Place| {
            let source = self.sources.get(place.source.0);
            let (line, column) = source
                .map(|source| line_and_column(&source.text, place.span.start))
                .unwrap_or_default();
            (
                source.map_or("", |source| source.name.as_str()),
                line,
                column,
            )
        };
        self.diagnostics
            .iter()
            .map(|diagnostic| {
                let (file, line, column) = place(&diagnostic.at);
                json!({
                    "severity": match diagnostic.severity {
                        Severity::Error => "error",
                        Severity::Warning => "warning",
                    },
                    "message": diagnostic.message,
                    "file": file,
                    "line": line,
                    "column": column,
                    "label": diagnostic.label,
                    "help": diagnostic.help,
                    "related": diagnostic.related.iter().map(|(at, label)| {
                        let (file, line, column) = place(at);
                        json!({ "file": file, "line": line, "column": column, "label": label })
                    }).collect::<Vec<_>>(),
                })
            })
            .collect()
    }
}

/// One mark in a snippet: its kind, its place and its label.
type Note<'a> = (AnnotationKind, &'a Range<usize>, &'a str);

/// Whole lines of a text.
struct Excerpt<'a> {
    text: &'a str,
    /// Where it begins in the whole text.
    start: usize,
    /// The number of its first line, from 1.
    line: usize,
}

impl<'a> Excerpt<'a> {
    fn around(text: &'a str, span: Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let after = text.get(span.end..).unwrap_or("");
        let end = after
            .find('\n')
            .map_or(text.len(), |newline| span.end + newline + 1);
        Excerpt {
            text: text.get(start..end).unwrap_or(""),
            start,
            line: before.matches('\n').count() + 1,
        }
    }

    /// A span of the whole text in the excerpt.
    fn within(&self, span: &Range<usize>) -> Range<usize> {
        let start = span.start.saturating_sub(self.start).min(self.text.len());
        let end = span
            .end
            .saturating_sub(self.start)
            .clamp(start, self.text.len());
        start..end
    }
}

/// Both from 1; the column counts characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
    (line, column)
}
