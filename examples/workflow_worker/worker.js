// The same worker in Node.js, with the module pg: PGDATABASE=bank node worker.js [idle seconds]
const { Client } = require('pg')

const db = new Client({ user: 'lending' })
const idle = `${process.argv[2] || 3600} s`

const steps = {
  score: async loan => ({ score: loan.name.length * 100 }), // a call to the outside would carry `${id}/score` as its key
  open: async loan => { await db.query("INSERT INTO loan VALUES ($1, 'open', $2)", [loan.id, loan.score]); return {} },
  'pay out': async loan => {
    await db.query("UPDATE loan SET state = 'paid out' WHERE id = $1", [loan.id])
    return { paid: loan.id }
  }
}

async function inTransaction(work) {
  await db.query('BEGIN')
  try {
    await work()
    await db.query('COMMIT')
  } catch (error) {
    await db.query('ROLLBACK')
    throw error
  }
}

// Each step commits with its record. A step that is recorded is not done again.
async function work({ id, token, input: loan }) {
  for (const [name, step] of Object.entries(steps)) {
    await inTransaction(async () => {
      const done = (await db.query('SELECT * FROM standin.step_result($1, $2, $3)', [id, token, name])).rows[0]
      const output = done.recorded ? done.output : await step(loan)
      if (!done.recorded) await db.query('SELECT standin.step_record($1, $2, $3, $4)', [id, token, name, output])
      Object.assign(loan, output)
    })
  }
  await db.query('SELECT standin.workflow_complete($1, $2, $3)', [id, token, loan])
}

async function main() {
  await db.connect()
  for (let ready = true; ready;) {
    const tasks = (await db.query("SELECT * FROM standin.workflow_claim($1, '{loan}', lease => '1 min')", ['node'])).rows
    for (const task of tasks) {
      await work(task).catch(error => { // the lease ended and another worker has it
        if (error.code !== '55000') throw error
        console.log(error.message)
      })
    }
    if (!tasks.length) ready = (await db.query("CALL standin.workflow_claim_wait('{loan}', $1)", [idle])).rows[0].ready
  }
  await db.end()
}

main().catch(error => { console.error(error); process.exit(1) })
