# Ends what a sandbox left running and removes its folder. Run as: sh sweep.sh FOLDER [watch]
#
# With `watch` it first waits for standard input, a pipe that only the owner holds: a line means that the owner tidied
# up itself; the end without a line means that the owner died, however that happened.
# A process is ended only if the sandbox registered it AND its command line names the sandbox's own folder: a process id
# alone may belong to somebody else by now.
folder=$1
case "$folder" in /?*/rekey-*) ;; *) echo "sweep: refusing to touch '$folder'" >&2; exit 2 ;; esac

if [ "$2" = watch ] && read -r _; then exit 0; fi

is_ours() {
  if [ -r "/proc/$1/cmdline" ]; then line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline")
  else line=$(ps -o command= -p "$1" 2>/dev/null); fi
  case "$line" in *"$folder"*) return 0 ;; *) return 1 ;; esac
}

end_process() {
  is_ours "$2" || return 0
  kill -s "$1" "$2" 2>/dev/null
  tries=0
  while is_ours "$2"; do
    tries=$((tries + 1))
    if [ "$tries" -eq 80 ]; then kill -s KILL "$2" 2>/dev/null; fi
    if [ "$tries" -ge 100 ]; then return 0; fi
    sleep 0.1
  done
}

# A sandbox may stand inside another (the demonstration's PostgreSQL does): nothing is removed before all have ended.
for entry in "$folder"/processes/* "$folder"/rekey-*/processes/*; do
  [ -r "$entry" ] || continue
  read -r signal process_id <"$entry"
  end_process "$signal" "$process_id"
done

# What was just ended may still have a child that writes its last file: a few tries.
for _ in 1 2 3 4 5; do
  rm -rf "$folder" 2>/dev/null && exit 0
  sleep 0.2
done
