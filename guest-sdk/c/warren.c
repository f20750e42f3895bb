/* The SDK in one file: compile it together with your agent. */

#include "src/text.c"
#include "src/json.c"
#include "src/host.c"
#include "src/memory.c"
#include "src/registry.c"
#include "src/agent.c"

#ifdef __wasm__
#include "bindings/agent.c"

/* The bindings want an object file linked that says which world this is. The host knows it by the exports. */
void __component_type_object_force_link_agent(void) {}
#endif
