-- The core's interface. Contract: status in ('posted', 'rejected', 'not_found'), reference, message.

create function core_inquire(idempotency_key text, out status text, out reference text, out message text)
language sql stable security definer set search_path = public, pg_temp
begin atomic
    select coalesce(r.status, 'not_found'), r.reference, r.message
      from (values (1)) as one left join core_request r on r.idempotency_key = core_inquire.idempotency_key;
end;

create function core_post(idempotency_key text, operation text, payload jsonb,
                          out status text, out reference text, out message text)
language plpgsql security definer set search_path = public, pg_temp
as $$
#variable_conflict use_column
declare
    asked  core_request;
    sum    numeric;
begin
    insert into core_request (idempotency_key, operation, payload)
    values (core_post.idempotency_key, core_post.operation, core_post.payload)
    on conflict do nothing;

    if not found then
        select * into strict asked from core_request r where r.idempotency_key = core_post.idempotency_key;
        if asked.operation <> core_post.operation or asked.payload <> core_post.payload then
            raise exception 'idempotency key "%" was used for another request', core_post.idempotency_key
                using errcode = 'invalid_parameter_value';
        end if;
        core_post.status := asked.status;
        core_post.reference := asked.reference;
        core_post.message := asked.message;
        return;
    end if;

    sum := (payload ->> 'amount')::numeric;
    select b.refusal, b.reference into core_post.message, core_post.reference
      from core_book(core_post.idempotency_key, core_post.operation, (payload ->> 'account')::integer, sum) b;
    core_post.status := case when core_post.message is null then 'posted' else 'rejected' end;

    update core_request r
       set status = core_post.status, reference = core_post.reference, message = core_post.message
     where r.idempotency_key = core_post.idempotency_key;
end
$$;

-- Keeps a claim in place of the one that it follows, or as the first; answers which one stands.
create function core_witness(instance text, claim text, follows text) returns text
language sql security definer set search_path = public, pg_temp
as $$
    insert into core_witness_mark as m (instance, claim) values (core_witness.instance, core_witness.claim)
    on conflict (instance) do update set claim = excluded.claim, claimed_at = now() where m.claim = core_witness.follows;
    select m.claim from core_witness_mark m where m.instance = core_witness.instance;
$$;

-- Books one debit in the order of pgbench's own transaction (account, teller, branch), so that the two never deadlock.
create function core_book(idempotency_key text, operation text, account integer, amount numeric,
                          out refusal text, out reference text)
language plpgsql security definer set search_path = public, pg_temp
as $$
#variable_conflict use_column
declare
    balance integer;
    branch  integer;
    teller  integer;
begin
    if amount is null or amount <= 0 or amount <> trunc(amount) then
        refusal := 'amount must be a positive whole number';
        return;
    end if;
    select abalance, bid into balance, branch from pgbench_accounts where aid = account for update;
    if not found then
        refusal := 'unknown account';
        return;
    end if;
    if balance < amount then
        refusal := 'insufficient funds';
        return;
    end if;

    update pgbench_accounts set abalance = abalance - amount::integer where aid = account;
    select min(tid) + account % 10 into teller from pgbench_tellers where bid = branch;
    update pgbench_tellers set tbalance = tbalance - amount::integer where tid = teller;
    update pgbench_branches set bbalance = bbalance - amount::integer where bid = branch;
    insert into pgbench_history (tid, bid, aid, delta, mtime, idempotency_key)
    values (teller, branch, account, -amount::integer, localtimestamp, idempotency_key);
    insert into core_log (idempotency_key, operation, account, amount)
    values (idempotency_key, operation, account, amount)
    returning 'CORE-' || sequence into reference;
end
$$;

revoke execute on function core_book, core_post, core_inquire, core_witness from public;
