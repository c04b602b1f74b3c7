# Run in a guest by its agent, with nothing but data on standard input: bring addresses, routes and rules to that list, and
# remove what the list of an earlier run had and this one has not. Needs sh and ip (iproute2 or busybox).
#   n MAC                                              the NIC; all its addresses but those that the guest adds itself are ours
#   a MAC FAMILY ADDRESS/PREFIX                        an address
#   r MAC FAMILY TABLE DESTINATION GATEWAY SOURCE      a route; "-" is none
#   f FAMILY PRIORITY ADDRESS TABLE                    a rule: what comes from the address takes the table
# What was done is kept under /run, which a reboot empties, in the same form.
# Ends with 10: no ip command; 11: no such NIC; 12: a command failed. The last line says which.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
LC_ALL=C
export PATH LC_ALL
umask 077
set -f
command -v ip >/dev/null 2>&1 || exit 10
nl='
'
tab=$(printf '\t')
folder=/run
[ -d "$folder" ] || folder=/var/run
file=$folder/scloud-network
list=$(cat)
old=$(cat "$file" 2>/dev/null)
mac= dev= devices= have= missing= failed= looking= changed= ruled= rules=

listed() { case "$nl$2$nl" in *"$nl$1$nl"*) return 0 ;; esac; return 1; }
begins() { case "$nl$2" in *"$nl$1 "*) return 0 ;; esac; return 1; }
try() {
    said=$("$@" 2>&1) && return 0
    failed=${failed:-"$*: $said"}
    return 1
}

# Programs are what takes time in a guest that is emulated or busy: what the shell can read by itself it reads.

look() { # learn each NIC's device
    set +f
    for path in /sys/class/net/*; do
        [ -e "$path/device" ] || continue
        { read -r word <"$path/address"; } 2>/dev/null && devices="$devices$word=${path##*/} "
    done
    set -f
}

nic() { # nic MAC: its device
    [ "$1" != "$mac" ] || [ -z "$dev" ] || return 0
    mac=$1 dev=
    [ -n "$devices" ] || look
    case " $devices" in *" $1="*) ;; *) return 1 ;; esac
    dev=${devices#*"$1="}
    dev=${dev%% *}
}

up() {
    word=0
    { read -r word <"/sys/class/net/$dev/flags"; } 2>/dev/null
    [ $((word & 1)) = 1 ] || ip link set "$dev" up
}

has_address() { # has_address ADDRESS/PREFIX: whether the device had it when addresses were first asked for
    if [ -z "$have" ]; then
        have=' '
        while read -r _ name _ word _; do
            have="$have$name=${word%/*} "
        done <<END
$(ip -o addr show 2>/dev/null)
END
    fi
    case $have in *" $dev=${1%/*} "*) return 0 ;; esac
    return 1
}

add_address() { # add_address FAMILY ADDRESS
    has_address "$2" && return 0
    # No duplicate is possible, and looking for one takes a second or two; not every ip command knows the word.
    [ "$1" = 4 ] || ! ip -6 addr add "$2" dev "$dev" nodad 2>/dev/null || return 0
    [ "$1" = 4 ] || look_not
    if ! said=$(ip "-$1" addr add "$2" dev "$dev" 2>&1); then
        have=
        has_address "$2" || failed=${failed:-"ip -$1 addr add $2 dev $dev: $said"}
    fi
    [ "$1" = 4 ] || looking=yes
}

look_not() { # have the kernel not look for duplicates on the device until `settle`
    case " $changed" in *" $dev="*) return 0 ;; esac
    was=$(cat "/proc/sys/net/ipv6/conf/$dev/accept_dad" 2>/dev/null) || return 0
    changed="$changed$dev=$was "
    { echo 0 >"/proc/sys/net/ipv6/conf/$dev/accept_dad"; } 2>/dev/null
    return 0
}

settle() { # wait until IPv6 addresses answer and can be the source of a route
    [ -n "$looking$changed" ] || return 0
    looking= tries=0
    while [ $tries -lt 20 ]; do
        case $(ip -6 addr show scope global) in *tentative*) ;; *) break ;; esac
        sleep 0.2 2>/dev/null || { sleep 1 && tries=$((tries + 4)); }
        tries=$((tries + 1))
    done
    for knob in $changed; do
        { echo "${knob#*=}" >"/proc/sys/net/ipv6/conf/${knob%%=*}/accept_dad"; } 2>/dev/null
    done
    changed=
}

set_route() { # set_route FAMILY TABLE DESTINATION GATEWAY SOURCE
    family=$1 table=$2 to=$3 via=$4 from=$5
    [ "$family" = 4 ] || [ "$from" = - ] || settle
    set -- "$to"
    [ "$via" = - ] || set -- "$@" via "$via"
    set -- "$@" dev "$dev"
    [ "$table" = main ] || set -- "$@" table "$table"
    [ "$from" = - ] || set -- "$@" src "$from"
    if [ "$via" != - ]; then
        ip "-$family" route replace "$@" onlink 2>/dev/null && return 0
        # A kernel or ip command that does not know the word: the gateway gets a route of its own.
        ip "-$family" route replace "$via" dev "$dev" 2>/dev/null
    fi
    try ip "-$family" route replace "$@"
}

del_route() { # del_route FAMILY TABLE DESTINATION
    family=$1 table=$2 to=$3
    set -- "$to" dev "$dev"
    [ "$table" = main ] || set -- "$@" table "$table"
    ip "-$family" route del "$@" 2>/dev/null
}

has_rule() { case "$nl$rules" in *"$nl$2:${tab}from $3 lookup $4"*) return 0 ;; esac; return 1; }
set_rule() { # set_rule FAMILY PRIORITY ADDRESS TABLE
    [ "$1" = "$ruled" ] || { ruled=$1 && rules=$(ip "-$1" rule 2>/dev/null); }
    has_rule "$@" && return 0
    said=$(ip "-$1" rule add pref "$2" from "$3" table "$4" 2>&1) && return 0
    # An earlier run that nobody waits for any more may be adding the same.
    rules=$(ip "-$1" rule 2>/dev/null)
    has_rule "$@" || failed=${failed:-"ip -$1 rule add pref $2 from $3 table $4: $said"}
}

keep() { printf '%s\n' "$1" >"$file.partial" && mv "$file.partial" "$file"; }

bring() { # what the list names
    missing= failed= mac= devices= have= ruled=
    while read -r line; do
        # shellcheck disable=SC2086 # words
        set -- $line
        case $1 in
        n) if nic "$2"; then up; else missing=$2; fi ;;
        a) ! nic "$2" || add_address "$3" "$4" ;;
        r) ! nic "$2" || set_route "$3" "$4" "$5" "$6" "$7" ;;
        f) set_rule "$2" "$3" "$4" "$5" ;;
        esac
    done <<END
$list
END
}

appears() { # appears MAC: whether the NIC is there within 3 seconds; one that was just plugged in takes a moment
    tries=0
    until devices= mac= && nic "$1"; do
        [ $tries -lt 15 ] || return 1
        sleep 0.2 2>/dev/null || { sleep 1 && tries=$((tries + 4)); }
        tries=$((tries + 1))
    done
}

# Before anything is done: a run that is ended in between loses nothing.
keep "$old$nl$list"

bring
[ -z "$missing" ] || ! appears "$missing" || bring
settle

while read -r line; do
    # shellcheck disable=SC2086 # words
    set -- $line
    case $1 in
    a)
        # On a NIC that is not named any more the address stays: it is its DHCP client's as well.
        listed "$line" "$list" || ! listed "n $2" "$list" || ! nic "$2" || ! has_address "$4" ||
            ip "-$3" addr del "$4" dev "$dev" 2>/dev/null
        ;;
    r) begins "r $2 $3 $4 $5" "$list" || ! nic "$2" || del_route "$3" "$4" "$5" ;;
    f) listed "$line" "$list" || ip "-$2" rule del pref "$3" from "$4" table "$5" 2>/dev/null ;;
    esac
done <<END
$old
END

if [ -n "$failed" ]; then
    echo "$failed"
    exit 12
fi
keep "$list"
if [ -n "$missing" ]; then
    echo "$missing"
    exit 11
fi
