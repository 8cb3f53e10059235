//! The conversation: understands a request, asks, acts, journals, undoes, remembers.
