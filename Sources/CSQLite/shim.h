#pragma once
#include <sqlite3.h>

// What Swift cannot express: a variadic call.
static inline int safebox_sqlite_db_config_switch(sqlite3 *database, int option, int value) {
  return sqlite3_db_config(database, option, value, (int *)0);
}
