#pragma once

namespace standin::outbox {

/// Registers the worker kind "relay", and what happens at the commit of a transaction that published.
void init();

} // namespace standin::outbox
