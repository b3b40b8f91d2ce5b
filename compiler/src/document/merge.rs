//! Taking over into a document what changed between two pipelines.
//!
//! This is how an edited script becomes an edit of the graph it came from: `from` is what the script
//! means before the edit, `to` what it means after it. Both lack what SQL has no words for
//! (places, colours, muted nodes, parameters at their defaults, another kind that writes the same
//! SQL), so what is the same in both is left in the document as it is. Where both the document and
//! `to` differ from `from`, `to` counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Document, Edge, EdgeId, Entries, Node, NodeId, Pipeline, Refusal, Value};

/// What feeds a node: port and node, in the order of the ports.
type Feed = (String, NodeId);

impl Document {
    /// Takes over what is not the same in `to` as in `from`. Gives the nodes that are new or have
    /// another id.
    ///
    /// # Errors
    /// The document has other edges than `from`, and with them one of `to` cannot be.
    pub(super) fn take_changes(
        &mut self,
        from: &Pipeline,
        to: &Pipeline,
    ) -> Result<Vec<NodeId>, Refusal> {
        let mut from = from.clone();
        let mut added = self.take_names(&mut from, to)?;
        self.take_head(&from, to);
        for (id, _) in from.nodes() {
            if to.node(id.as_str()).is_none() && self.pipeline.nodes.contains_key(id) {
                self.remove(id);
            }
        }
        let mut other_kind = BTreeSet::new();
        for (id, node) in to.nodes() {
            let ours = self.pipeline.node(id.as_str());
            let taken = match (from.node(id.as_str()), ours) {
                (Some(before), Some(_)) if before == node => continue,
                (Some(before), Some(ours)) => merged(ours, before, node),
                (_, Some(ours)) => Node {
                    title: node.title.clone().or_else(|| ours.title.clone()),
                    comment: node.comment.clone().or_else(|| ours.comment.clone()),
                    ..node.clone()
                },
                // Nobody changed it but who removed it.
                (Some(before), None) if before == node => continue,
                (_, None) => {
                    added.push(id.clone());
                    node.clone()
                }
            };
            if ours.is_some_and(|ours| ours.kind != taken.kind) {
                other_kind.insert(id.clone());
            }
            Arc::make_mut(&mut self.pipeline.nodes).insert(id.clone(), Arc::new(taken));
        }
        self.take_edges(&from, to, &other_kind)?;
        self.pipeline.forget_comments();
        self.layout.forget_edges(&self.pipeline);
        Ok(added)
    }

    /// A node that is the same under another id keeps its place and its edges.
    fn take_names(&mut self, from: &mut Pipeline, to: &Pipeline) -> Result<Vec<NodeId>, Refusal> {
        let gone: Vec<(NodeId, Node)> = (from.nodes())
            .filter(|(id, _)| to.node(id.as_str()).is_none())
            .map(|(id, node)| (id.clone(), node.clone()))
            .collect();
        let new: Vec<(&NodeId, &Node)> = to
            .nodes()
            .filter(|(id, _)| from.node(id.as_str()).is_none())
            .filter(|(id, _)| self.pipeline.node(id.as_str()).is_none())
            .collect();
        let mut renamed = Vec::new();
        for (old, node) in &gone {
            let same: Vec<&NodeId> = new
                .iter()
                .filter(|(_, other)| *other == node)
                .map(|(id, _)| *id)
                .collect();
            let alone = gone.iter().filter(|(_, other)| other == node).count() == 1;
            let ([id], true) = (same.as_slice(), alone) else {
                continue;
            };
            if self.pipeline.nodes.contains_key(old) {
                self.pipeline.rename(old, id)?;
                self.layout.rename(old, id);
                from.rename(old, id)?;
                renamed.push((*id).clone());
            }
        }
        Ok(renamed)
    }

    /// Name, description and settings.
    fn take_head(&mut self, from: &Pipeline, to: &Pipeline) {
        let pipeline = &mut self.pipeline;
        if from.name != to.name {
            pipeline.name.clone_from(&to.name);
            // A setting that said the name again would go on saying the old one.
            let key = "pipeline.name";
            let again = pipeline.settings.get(key) == Some(&from.name);
            if again && !from.settings.contains_key(key) {
                Arc::make_mut(&mut pipeline.settings).remove(key);
            }
        }
        if from.description != to.description {
            pipeline.description.clone_from(&to.description);
        }
        if from.settings == to.settings {
            return;
        }
        let settings = Arc::make_mut(&mut pipeline.settings);
        for key in from.settings.keys() {
            if !to.settings.contains_key(key) {
                settings.remove(key);
            }
        }
        for (key, value) in to.settings.iter() {
            if from.settings.get(key) != Some(value) {
                settings.insert(key.clone(), value.clone());
            }
        }
    }

    fn take_edges(
        &mut self,
        from: &Pipeline,
        to: &Pipeline,
        other_kind: &BTreeSet<NodeId>,
    ) -> Result<(), Refusal> {
        // All that goes first, so that nothing new meets what is on its way out.
        let mut wanted: Vec<(NodeId, Vec<(Feed, Edge)>)> = Vec::new();
        let mut free: BTreeMap<(NodeId, NodeId), EdgeId> = BTreeMap::new();
        let (edges_before, edges_after) = (edges_by_end(from), edges_by_end(to));
        for (id, _) in to.nodes() {
            let whole = other_kind.contains(id);
            // Most nodes are fed as they were, which is told at once.
            if edges_before.get(id) == edges_after.get(id) && !whole {
                continue;
            }
            let (before, after) = (feeds(from, id), feeds(to, id));
            let same = before
                .iter()
                .map(|(feed, _)| feed)
                .eq(after.iter().map(|(feed, _)| feed));
            if same && !whole {
                continue;
            }
            let ours = feeds(&self.pipeline, id);
            let keeps = |feed: &Feed| after.iter().any(|(wanted, _)| wanted == feed);
            let known = |feed: &Feed| before.iter().any(|(known, _)| known == feed);
            // What is fed in another order is connected anew in that order.
            let order = |feeds: &[(Feed, EdgeId)]| -> Vec<Feed> {
                let both = feeds.iter().map(|(feed, _)| feed.clone());
                both.filter(|feed| keeps(feed)).collect()
            };
            let after_kept = after
                .iter()
                .map(|(feed, _)| feed.clone())
                .filter(|feed| ours.iter().any(|(own, _)| own == feed));
            let anew =
                whole || !order(&ours).into_iter().eq(after_kept) || !ends_with_new(&after, &ours);
            for (feed, edge) in ours {
                let in_script = known(&feed) || keeps(&feed);
                if whole || (in_script && (anew || !keeps(&feed))) {
                    Arc::make_mut(&mut self.pipeline.edges).remove(&edge);
                    free.insert((feed.1, id.clone()), edge);
                }
            }
            let edges = after.into_iter().filter_map(|(feed, edge)| {
                let edge = to.edges.get(&edge)?.clone();
                Some((feed, edge))
            });
            wanted.push((id.clone(), edges.collect()));
        }
        for (id, edges) in wanted {
            // In an order that matters, ids must rise with it: the old ones only do if one edge ends here.
            let single = edges.len() == 1;
            for (feed, edge) in edges {
                if feeds(&self.pipeline, &id)
                    .iter()
                    .any(|(own, _)| *own == feed)
                {
                    continue;
                }
                let old = free.remove(&(feed.1.clone(), id.clone()));
                let new = self.pipeline.connect(edge)?;
                if let Some(old) = old.filter(|_| single) {
                    let edges = Arc::make_mut(&mut self.pipeline.edges);
                    if let Some(edge) = edges.remove(&new) {
                        edges.insert(old, edge);
                    }
                }
            }
        }
        // Edges that only the document has may not fit a kind that changed.
        let touching: Vec<EdgeId> = self
            .pipeline
            .edges
            .iter()
            .filter(|(_, edge)| {
                other_kind.contains(&edge.from.node) || other_kind.contains(&edge.to.node)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in touching {
            let edges = Arc::make_mut(&mut self.pipeline.edges);
            if let Some(mut edge) = edges.remove(&id)
                && matches!(self.pipeline.admit_ports(&mut edge), Ok(None))
            {
                Arc::make_mut(&mut self.pipeline.edges).insert(id, edge);
            }
        }
        Ok(())
    }
}

/// Whether all feeds that `ours` lacks come behind those it has, so that new edges stand in order.
fn ends_with_new(after: &[(Feed, EdgeId)], ours: &[(Feed, EdgeId)]) -> bool {
    let has = |feed: &Feed| ours.iter().any(|(own, _)| own == feed);
    after
        .iter()
        .skip_while(|(feed, _)| has(feed))
        .all(|(feed, _)| !has(feed))
}

/// The edges by the node they end at, in the order of their numbers.
fn edges_by_end(pipeline: &Pipeline) -> BTreeMap<&NodeId, Vec<&Edge>> {
    let mut edges: Vec<(&EdgeId, &Edge)> = pipeline.edges().collect();
    edges.sort_by_key(|(id, _)| (id.number().unwrap_or(u64::MAX), *id));
    let mut by_end: BTreeMap<&NodeId, Vec<&Edge>> = BTreeMap::new();
    for (_, edge) in edges {
        by_end.entry(&edge.to.node).or_default().push(edge);
    }
    by_end
}

fn feeds(pipeline: &Pipeline, node: &NodeId) -> Vec<(Feed, EdgeId)> {
    pipeline
        .inputs_of(node.as_str())
        .into_iter()
        .map(|(port, id, edge)| ((port, edge.from.node.clone()), id.clone()))
        .collect()
}

/// A node of the document with what changed between two of the script.
fn merged(ours: &Node, from: &Node, to: &Node) -> Node {
    let (title, comment) = merged_words(ours, from, to);
    let works_the_same = Node {
        title: from.title.clone(),
        comment: from.comment.clone(),
        ..to.clone()
    } == *from;
    if works_the_same {
        return Node {
            title,
            comment,
            ..ours.clone()
        };
    }
    if from.kind != to.kind || ours.kind != from.kind {
        return Node {
            title,
            comment,
            ..to.clone()
        };
    }
    let mut parameters = ours.parameters.clone();
    for name in from.parameters.keys() {
        if !to.parameters.contains_key(name) {
            parameters.remove(name);
        }
    }
    for (name, value) in &to.parameters {
        let before = from.parameters.get(name);
        if before == Some(value) {
            continue;
        }
        let value = match (ours.parameters.get(name), before, value) {
            (Some(Value::Table(ours)), Some(Value::Table(before)), Value::Table(after)) => {
                Value::Table(merged_entries(ours, before, after))
            }
            _ => value.clone(),
        };
        parameters.insert(name.clone(), value);
    }
    Node {
        kind: to.kind.clone(),
        title,
        comment,
        // Whoever changes what it does wants it done.
        muted: to.muted,
        parameters,
    }
}

/// Title and comment. A script has them in one: its first line is taken for the title.
fn merged_words(ours: &Node, from: &Node, to: &Node) -> (Option<String>, Option<String>) {
    let words = |node: &Node| (node.title.clone(), node.comment.clone());
    if words(from) == words(to) {
        return words(ours);
    }
    let untitled = ours.title.is_none() && ours.comment.is_some() && from.title.is_some();
    if untitled {
        let lines: Vec<&str> = to
            .title
            .iter()
            .chain(&to.comment)
            .map(String::as_str)
            .collect();
        return (None, (!lines.is_empty()).then(|| lines.join("\n")));
    }
    words(to)
}

/// The entries of `to`, those that did not change as the document has them.
fn merged_entries(ours: &Entries, from: &Entries, to: &Entries) -> Entries {
    let entry = |(key, value): (&str, &Value)| {
        let kept = (from.get(key) == Some(value))
            .then(|| ours.get(key))
            .flatten();
        (key.to_string(), kept.unwrap_or(value).clone())
    };
    to.iter().map(entry).collect()
}
