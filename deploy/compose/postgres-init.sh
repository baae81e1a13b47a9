#!/bin/bash
# Once, when the database is made: roles, and their passwords from secrets. The image's entry point runs it as the superuser.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -q -d "$POSTGRES_DB" -f /opt/ulak/roles.sql
for role in migrate worker scheduler gateway operator auditor; do
  # by standard input, so that no password is among a process's arguments
  printf "\\\\set password \`cat /run/secrets/%s_password\`\nALTER ROLE ulak_%s PASSWORD :'password';\n" "$role" "$role"
done | psql -v ON_ERROR_STOP=1 -q -d "$POSTGRES_DB"
